package examples_test

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// addExporters adds the metrics of the exporters and libraries that have a file of their own, under the names and with
// the labels of their current versions.
func (w *world) addExporters() {
	w.addIngressNginx()
	w.addTraefik()
	w.addIstio()
	w.addEnvoy()
	w.addJava()
	w.addGo()
	w.addPostgreSQL()
	w.addMySQL()
	w.addRedis()
	w.addKafka()
	w.addRabbitMQ()
	w.addBlackbox()
	w.addPrometheus()
	w.addServices()
	w.addHPAs()
}

// buckets adds a classic histogram of so many events a second. lset ends without a brace.
func (w *world) buckets(name, lset string, rate float64, les ...string) {
	for i, le := range append(les, "+Inf") {
		w.counter(name+"_bucket"+lset+",le="+le+"}", daily(rate*float64(i+1)/float64(len(les)+1)))
	}
	w.counter(name+"_count"+lset+"}", daily(rate))
	w.counter(name+"_sum"+lset+"}", daily(rate*0.1))
}

// rarely is a rate at which a counter mostly stays, and sometimes increases by one or two.
func rarely(at time.Time, r *rand.Rand) float64 { return rare(at, r) / scrape.Seconds() }

func (w *world) addIngressNginx() {
	controller := "{job=ingress-nginx-controller-metrics,instance=10.0.3.1:10254,namespace=ingress-nginx," +
		"pod=ingress-nginx-controller-0,service=ingress-nginx-controller-metrics,endpoint=metrics," +
		"controller_class=k8s.io/ingress-nginx,controller_namespace=ingress-nginx,controller_pod=ingress-nginx-controller-0"
	for _, ingress := range []string{"checkout", "front"} {
		lset := controller + ",exported_namespace=shop,exported_service=" + ingress + ",ingress=" + ingress +
			",host=shop.example.com,method=GET,path=/"
		w.counter("nginx_ingress_controller_requests"+lset+",status=200}", daily(80))
		w.counter("nginx_ingress_controller_requests"+lset+",status=502}", steady(0.2))
		w.buckets("nginx_ingress_controller_request_duration_seconds", lset+",status=200", 80, "0.05", "0.1", "0.5", "1")
	}
	for _, state := range []string{"active", "reading", "waiting", "writing"} {
		w.gauge("nginx_ingress_controller_nginx_process_connections"+controller+",state="+state+"}", daily(200))
	}
}

func (w *world) addTraefik() {
	traefik := "{job=traefik,instance=10.0.4.1:9100,namespace=traefik,pod=traefik-0,service=traefik"
	for _, service := range []string{"shop-checkout-80@kubernetes", "shop-front-80@kubernetes"} {
		lset := traefik + ",exported_service=" + service + ",method=GET,protocol=http"
		w.counter("traefik_service_requests_total"+lset+",code=200}", daily(60))
		w.counter("traefik_service_requests_total"+lset+",code=503}", steady(0.1))
		w.buckets("traefik_service_request_duration_seconds", lset+",code=200", 60, "0.1", "0.3", "1.2", "5.0")
	}
	w.gauge("traefik_open_connections"+traefik+",entrypoint=websecure,protocol=TCP}", daily(150))
}

func (w *world) addIstio() {
	for _, reporter := range []string{"source", "destination"} {
		lset := "{job=istio-proxy,instance=10.0.5.1:15020,namespace=shop,pod=front-0,reporter=" + reporter +
			",source_workload=front,source_workload_namespace=shop,destination_workload=checkout," +
			"destination_workload_namespace=shop,destination_service_name=checkout,request_protocol=http"
		w.counter("istio_requests_total"+lset+",response_code=200}", daily(70))
		w.counter("istio_requests_total"+lset+",response_code=503}", steady(0.1))
		w.buckets("istio_request_duration_milliseconds", lset+",response_code=200", 70, "5", "25", "100", "1000")
	}
}

func (w *world) addEnvoy() {
	for _, cluster := range []string{"checkout", "front"} {
		lset := "{job=envoy,instance=10.0.6.1:9901,envoy_cluster_name=" + cluster
		w.counter("envoy_cluster_upstream_rq_total"+lset+"}", daily(90))
		w.counter("envoy_cluster_upstream_rq_xx"+lset+",envoy_response_code_class=2}", daily(90))
		w.counter("envoy_cluster_upstream_rq_xx"+lset+",envoy_response_code_class=5}", steady(0.1))
		w.buckets("envoy_cluster_upstream_rq_time", lset, 90, "5", "25", "100", "1000")
		w.constant("envoy_cluster_membership_total"+lset+"}", 10)
		w.gauge("envoy_cluster_membership_healthy"+lset+"}", func(at time.Time, r *rand.Rand) float64 {
			return 10 - rare(at, r)
		})
	}
}

// addJava adds the metrics of three processes with Micrometer, and of one with an old client_java.
func (w *world) addJava() {
	for i := range 3 {
		lset := fmt.Sprintf("{job=orders,instance=10.0.7.%d:8080,namespace=shop,pod=orders-%d", i, i)
		heap := lset + ",area=heap,id="
		w.gauge("jvm_memory_used_bytes"+heap+"G1 Eden Space}", daily(1<<26))
		w.constant("jvm_memory_max_bytes"+heap+"G1 Eden Space}", -1)
		w.gauge("jvm_memory_used_bytes"+heap+"G1 Old Gen}", daily(1<<28))
		w.constant("jvm_memory_max_bytes"+heap+"G1 Old Gen}", 1<<30)
		w.counter("jvm_gc_pause_seconds_sum"+lset+",action=end of minor GC,cause=G1 Evacuation Pause,gc=G1}", daily(0.01))
		w.gauge("jvm_threads_live_threads"+lset+"}", daily(80))
		w.gauge("hikaricp_connections_active"+lset+",pool=main}", daily(6))
		w.constant("hikaricp_connections_max"+lset+",pool=main}", 20)
	}
	old := "{job=billing,instance=10.0.7.9:8080,namespace=shop,pod=billing-0"
	w.gauge("jvm_memory_bytes_used"+old+",area=heap}", daily(1<<28))
	w.constant("jvm_memory_bytes_max"+old+",area=heap}", 1<<30)
	w.counter("jvm_gc_collection_seconds_sum"+old+",gc=G1 Young Generation}", daily(0.01))
	w.gauge("jvm_threads_current"+old+"}", daily(60))
}

func (w *world) addGo() {
	for i := range 3 {
		lset := fmt.Sprintf("{job=catalog,instance=10.0.8.%d:8080,namespace=shop,pod=catalog-%d", i, i)
		w.gauge("go_memstats_heap_alloc_bytes"+lset+"}", daily(5e7))
		w.counter("go_memstats_alloc_bytes_total"+lset+"}", daily(2e7))
		w.counter("go_gc_duration_seconds_sum"+lset+"}", daily(1e-4))
		w.counter("go_gc_duration_seconds_count"+lset+"}", daily(0.2))
		w.gauge("go_goroutines"+lset+"}", daily(100))
	}
}

func (w *world) addPostgreSQL() {
	server := "{job=postgres,instance=10.0.9.1:9187"
	for _, datname := range []string{"orders", "postgres", "template0"} {
		lset := server + ",datid=16384,datname=" + datname + "}"
		w.counter("pg_stat_database_xact_commit"+lset, daily(120))
		w.counter("pg_stat_database_xact_rollback"+lset, daily(0.5))
		w.counter("pg_stat_database_blks_hit"+lset, daily(9000))
		w.counter("pg_stat_database_blks_read"+lset, daily(90))
		w.counter("pg_stat_database_deadlocks"+lset, rarely)
		w.gauge("pg_stat_database_numbackends"+lset, daily(20))
		w.gauge("pg_stat_activity_max_tx_duration"+server+",datname="+datname+",state=active}", steady(3))
		w.gauge("pg_database_size_bytes"+server+",datname="+datname+"}", func(at time.Time, _ *rand.Rand) float64 {
			return 5e9 + at.Sub(w.start).Hours()*1e7
		})
	}
	w.constant("pg_settings_max_connections"+server+",server=localhost:5432}", 100)
	w.gauge("pg_replication_lag_seconds"+server+"}", steady(0.2))
}

func (w *world) addMySQL() {
	server := "{job=mysql,instance=10.0.10.1:9104}"
	w.counter("mysql_global_status_queries"+server, daily(400))
	w.counter("mysql_global_status_slow_queries"+server, rarely)
	w.counter("mysql_global_status_innodb_buffer_pool_reads"+server, daily(20))
	w.counter("mysql_global_status_innodb_buffer_pool_read_requests"+server, daily(20_000))
	w.counter("mysql_global_status_innodb_row_lock_time"+server, daily(30))
	w.gauge("mysql_global_status_threads_running"+server, daily(6))
	w.gauge("mysql_global_status_threads_connected"+server, daily(60))
	w.constant("mysql_global_variables_max_connections"+server, 151)
	w.gauge("mysql_slave_status_seconds_behind_master{job=mysql,instance=10.0.10.2:9104,master_host=10.0.10.1,"+
		"channel_name=main}", rare)
}

func (w *world) addRedis() {
	server := "{job=redis,instance=10.0.11.1:9121}"
	w.counter("redis_commands_processed_total"+server, daily(800))
	for _, cmd := range []string{"get", "set"} {
		lset := "{job=redis,instance=10.0.11.1:9121,cmd=" + cmd + "}"
		w.counter("redis_commands_total"+lset, daily(400))
		w.counter("redis_commands_duration_seconds_total"+lset, daily(0.002))
	}
	w.gauge("redis_memory_used_bytes"+server, daily(4e8))
	w.constant("redis_memory_max_bytes"+server, 1e9)
	w.gauge("redis_connected_clients"+server, daily(90))
	w.constant("redis_config_maxclients"+server, 10_000)
	w.counter("redis_keyspace_hits_total"+server, daily(380))
	w.counter("redis_keyspace_misses_total"+server, daily(20))
	w.counter("redis_evicted_keys_total"+server, rarely)
}

func (w *world) addKafka() {
	exporter := "{job=kafka-exporter,instance=10.0.12.1:9308"
	for partition := range 3 {
		lset := exporter + fmt.Sprintf(",topic=orders,partition=%d", partition)
		w.counter("kafka_topic_partition_current_offset"+lset+"}", daily(50))
		w.gauge("kafka_topic_partition_under_replicated_partition"+lset+"}", rare)
		w.counter("kafka_consumergroup_current_offset"+lset+",consumergroup=billing}", daily(50))
		w.gauge("kafka_consumergroup_lag"+lset+",consumergroup=billing}", daily(200))
	}
}

func (w *world) addRabbitMQ() {
	node := "{job=rabbitmq,instance=10.0.13.1:15692"
	queue := node + ",vhost=/,queue=mail}"
	w.gauge("rabbitmq_queue_messages_ready"+queue, daily(300))
	w.gauge("rabbitmq_queue_messages_unacked"+queue, daily(40))
	w.gauge("rabbitmq_queue_consumers"+queue, func(at time.Time, r *rand.Rand) float64 { return 5 - rare(at, r) })
	w.counter("rabbitmq_global_messages_received_total"+node+",protocol=amqp091}", daily(30))
	w.gauge("rabbitmq_process_resident_memory_bytes"+node+"}", daily(3e8))
	w.constant("rabbitmq_resident_memory_limit_bytes"+node+"}", 2e9)
	w.gauge("rabbitmq_disk_space_available_bytes"+node+"}", daily(3e10))
	w.constant("rabbitmq_disk_space_available_limit_bytes"+node+"}", 5e7)
}

func (w *world) addBlackbox() {
	probe := "{job=blackbox,instance=https://shop.example.com"
	w.gauge("probe_success"+probe+"}", func(at time.Time, r *rand.Rand) float64 { return max(0, 1-rare(at, r)) })
	w.gauge("probe_duration_seconds"+probe+"}", daily(0.2))
	for _, phase := range []string{"resolve", "connect", "tls", "processing", "transfer"} {
		w.gauge("probe_http_duration_seconds"+probe+",phase="+phase+"}", daily(0.04))
	}
}

// addPrometheus adds what a Prometheus says about itself and its target.
func (w *world) addPrometheus() {
	const server = "{job=prometheus,instance=localhost:9090"
	w.gauge("scrape_duration_seconds"+server+"}", daily(0.02))
	w.gauge("scrape_samples_scraped"+server+"}", steady(900))
	w.gauge("process_resident_memory_bytes"+server+"}", daily(8e8))
	w.counter("process_cpu_seconds_total"+server+"}", daily(0.3))
	w.gauge("process_open_fds"+server+"}", daily(90))
	w.constant("process_max_fds"+server+"}", 1024)
	w.counter("prometheus_tsdb_head_samples_appended_total"+server+",type=float}", daily(60_000))
	w.counter("prometheus_http_requests_total"+server+",handler=/api/v1/query,code=200}", daily(4))
	w.counter("prometheus_http_requests_total"+server+",handler=/api/v1/query,code=503}", steady(0.01))
	w.gauge("prometheus_rule_group_last_duration_seconds"+server+",rule_group=rules.yml;shop}", daily(0.5))
	w.constant("prometheus_rule_group_interval_seconds"+server+",rule_group=rules.yml;shop}", 60)
}

// addServices adds services whose requests go by the names of other libraries.
func (w *world) addServices() {
	pod := "{job=other,instance=10.0.14.1:8080,namespace=shop,pod=other-6d4f8b7c9-x2x4z"
	for _, ok := range []bool{true, false} {
		rate, status, code := 30.0, "200", "OK"
		if !ok {
			rate, status, code = 0.05, "500", "Internal"
		}
		w.buckets("http_server_request_duration_seconds", pod+",http_response_status_code="+status, rate, "0.1", "1")
		w.counter("spring_http_server_requests_seconds_count"+pod+",uri=/,status="+status+"}", daily(rate))
		w.counter("grpc_server_handled_total"+pod+",grpc_method=Get,grpc_code="+code+"}", daily(rate))
		w.counter("acme_requests_total"+pod+",outcome="+status+"}", daily(rate))
	}
	// As OpenTelemetry calls them, in a Prometheus that keeps the dots.
	for _, status := range []string{"200", "500"} {
		w.buckets("http.server.request.duration_seconds", "{service.name=dotted,namespace=shop,"+
			"http.response.status_code="+status, 30, "0.1", "1")
	}
	w.buckets("grpc_server_handling_seconds", pod+",grpc_method=Get", 30, "0.1", "1")
	w.buckets("acme_request_duration_seconds", pod, 30, "0.1", "1")
}

// addHPAs adds what kube-state-metrics says about HPAs: of two deployments whose requests are known, by job and by pod,
// and of one without.
func (w *world) addHPAs() {
	for _, deployment := range []string{"checkout", "other", "worker"} {
		const exporter = "{job=kube-state-metrics,instance=10.0.0.9:8080,namespace=shop"
		hpa := exporter + ",horizontalpodautoscaler=" + deployment
		w.constant("kube_horizontalpodautoscaler_info"+hpa+",scaletargetref_api_version=apps/v1,"+
			"scaletargetref_kind=Deployment,scaletargetref_name="+deployment+"}", 1)
		w.constant("kube_horizontalpodautoscaler_spec_min_replicas"+hpa+"}", 2)
		w.constant("kube_horizontalpodautoscaler_spec_max_replicas"+hpa+"}", 12)
		w.constant("kube_deployment_status_replicas"+exporter+",deployment="+deployment+"}", 4)
	}
}
