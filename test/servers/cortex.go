package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
)

// CortexOptions are the options of StartCortex. The zero value is a server on free ports, without limits for reads.
type CortexOptions struct {
	Dir       string    // data directory; by default a temporary one, which Stop removes
	Overrides string    // YAML text of limits by tenant
	Flags     []string  // additional command line flags
	Addr      string    // listen address, by default 127.0.0.1:0
	Log       io.Writer // receives the log; errors show the end of the log in any case
	Binary    string    // by default Tool("cortex")
}

// Cortex is a running Cortex: all of its parts in one process, rings in memory, blocks in the file system. Each request
// names its tenant in the header X-Scope-OrgID.
type Cortex struct {
	*server
}

// cortexConfig has what a single process without object storage needs. Samples may be of any age, as long as those of a
// tenant come in order, and up to an hour ahead of the clock. Blocks are of a day, because history is many, and are
// served soon after they are shipped.
const cortexConfig = `
target: all
auth_enabled: true
server: {grpc_listen_address: 127.0.0.1, grpc_listen_port: %[2]d, http_server_write_timeout: 5m}
distributor: {ring: {kvstore: {store: inmemory}, instance_addr: 127.0.0.1}}
ingester:
  lifecycler:
    address: 127.0.0.1
    min_ready_duration: 0s
    final_sleep: 0s
    ring: {kvstore: {store: inmemory}, replication_factor: 1}
querier: {active_query_tracker_dir: %[1]s/queries}
blocks_storage:
  backend: filesystem
  filesystem: {dir: %[1]s/bucket}
  tsdb: {dir: %[1]s/tsdb, ship_interval: 1s, block_ranges_period: [24h]}
  bucket_store: {sync_dir: %[1]s/sync, sync_interval: 1s, bucket_index: {enabled: false}}
compactor: {data_dir: %[1]s/compactor, sharding_ring: {kvstore: {store: inmemory}, instance_addr: 127.0.0.1}}
ruler: {rule_path: %[1]s/rules, ring: {kvstore: {store: inmemory}, instance_addr: 127.0.0.1}}
ruler_storage: {backend: local, local: {directory: %[1]s/rules}}
alertmanager:
  external_url: http://localhost/alertmanager
  data_dir: %[1]s/alertmanager
  cluster: {listen_address: ""}
alertmanager_storage: {backend: local, local: {path: %[1]s/alertmanager}}
limits:
  ingestion_rate: 10000000
  ingestion_burst_size: 10000000
  creation_grace_period: 1h
runtime_config: {file: %[1]s/overrides.yml, period: 1s}
`

// StartCortex starts a Cortex and returns when it is ready, which takes half a minute. The context only bounds the
// start.
func StartCortex(ctx context.Context, o CortexOptions) (*Cortex, error) {
	s, err := newServer("cortex", o.Binary, o.Dir, o.Addr, "", o.Log)
	if err != nil {
		return nil, err
	}
	if err := s.configureCortex(o.Overrides); err != nil {
		return nil, errors.Join(err, s.removeDir())
	}
	s.up = "/ready"
	s.listen = func(addr string) []string {
		host, port, _ := net.SplitHostPort(addr)
		return []string{"-server.http-listen-address=" + host, "-server.http-listen-port=" + port}
	}
	s.args = append([]string{"-config.file=" + s.configFile()}, o.Flags...)
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.removeDir())
	}
	return &Cortex{server: s}, nil
}

// Stop ends the server and removes a temporary data directory. It does not wait for its parts to take leave of each
// other, which takes half a minute, as this is the only one.
func (c *Cortex) Stop() error { return errors.Join(c.Kill(), c.server.Stop()) }

// configureCortex writes the configuration files. The port for gRPC, by which the parts talk to each other, has to be
// known before the start.
func (s *server) configureCortex(overrides string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return err
	}
	for _, dir := range []string{"rules", "alertmanager"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o777); err != nil {
			return err
		}
	}
	if overrides == "" {
		overrides = "{}"
	}
	return errors.Join(
		os.WriteFile(s.configFile(), fmt.Appendf(nil, cortexConfig, s.dir, port), 0o600),
		os.WriteFile(filepath.Join(s.dir, "overrides.yml"), fmt.Appendf(nil, "overrides: %s\n", overrides), 0o600),
	)
}
