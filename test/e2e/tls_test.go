package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

const password = "correct horse"

// certificates are files of an authority and of what it has signed.
type certificates struct {
	dir  string
	ca   *x509.Certificate
	key  *ecdsa.PrivateKey
	next int64
}

func newCertificates(t *testing.T) *certificates {
	t.Helper()
	c := &certificates{dir: t.TempDir()}
	c.ca = &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	c.key = c.write(t, "ca", c.ca)
	return c
}

// issue writes NAME.pem and NAME.key, of a server on loopback or of a client.
func (c *certificates) issue(t *testing.T, name string, usage x509.ExtKeyUsage) {
	t.Helper()
	c.write(t, name, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	})
}

func (c *certificates) write(t *testing.T, name string, cert *x509.Certificate) *ecdsa.PrivateKey {
	t.Helper()
	c.next++
	cert.SerialNumber = big.NewInt(c.next)
	cert.NotBefore, cert.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signer := c.key
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, c.ca, &key.PublicKey, signer)
	require.NoError(t, err)
	secret, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	for path, block := range map[string]*pem.Block{
		c.file(name + ".pem"): {Type: "CERTIFICATE", Bytes: der},
		c.file(name + ".key"): {Type: "EC PRIVATE KEY", Bytes: secret},
	} {
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	}
	return key
}

func (c *certificates) file(name string) string { return filepath.Join(c.dir, name) }

// webConfig writes a --web.config.file that asks clients for a certificate and for the password of alice.
func (c *certificates) webConfig(t *testing.T, name string) (flag string) {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	require.NoError(t, err)
	text := fmt.Sprintf(`
tls_server_config:
  {cert_file: %s.pem, key_file: %s.key, client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert}
basic_auth_users: {alice: %s}
`, name, name, hash)
	path := c.file(name + ".yml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return "--web.config.file=" + path
}

// tlsConfig are the keys of a client with a certificate, as in configuration files.
func (c *certificates) tlsConfig(client string) string {
	return fmt.Sprintf("tls_config: {ca_file: %s, cert_file: %s, key_file: %s}",
		c.file("ca.pem"), c.file(client+".pem"), c.file(client+".key"))
}

// client is a client with the certificate and the password.
func (c *certificates) client(t *testing.T, name string) *http.Client {
	t.Helper()
	client, err := config.NewClientFromConfig(config.HTTPClientConfig{
		BasicAuth: &config.BasicAuth{Username: "alice", Password: password},
		TLSConfig: config.TLSConfig{
			CAFile: c.file("ca.pem"), CertFile: c.file(name + ".pem"), KeyFile: c.file(name + ".key"),
		},
	}, "test")
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// tokenServer issues tokens for an OAuth2 client, each good for a few seconds, and lets those with one through to a
// server. It counts those that it has issued.
func (c *certificates) tokenServer(t *testing.T, to *servers.Prometheus) (address string, issued *atomic.Int32) {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "https", Host: to.URL()[len("https://"):]})
	proxy.Transport = c.client(t, "test").Transport
	token := func(at time.Time) string { return fmt.Sprint("token-", at.Unix()) }
	issued = &atomic.Int32{}
	mux := http.NewServeMux()
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if id != "exporter" || secret != "s3cret" || r.PostFormValue("grant_type") != "client_credentials" {
			http.Error(w, `{"error": "invalid_client"}`, http.StatusUnauthorized)
			return
		}
		issued.Add(1)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token": %q, "token_type": "Bearer", "expires_in": 11}`,
			token(time.Now())) // clients leave 10 s
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		for ago := range 3 { // a slow machine sends it a little later
			if r.Header.Get("Authorization") == "Bearer "+token(time.Now().Add(-time.Duration(ago)*time.Second)) {
				r.Header.Del("Authorization") // the client of the proxy sends its own
				proxy.ServeHTTP(w, r)
				return
			}
		}
		http.Error(w, "expired", http.StatusUnauthorized)
	})
	s := httptest.NewUnstartedServer(mux)
	cert, err := tls.LoadX509KeyPair(c.file("proxy.pem"), c.file("proxy.key"))
	require.NoError(t, err)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, issued
}

// Client certificates and passwords on both sides: the exporter reads from a Prometheus that wants them, once directly
// and once with tokens that expire, and is scraped by it with the same.
func TestExporter_ReadsAndServesWithClientCertificatesPasswordsAndTokens(t *testing.T) {
	t.Parallel()
	c := newCertificates(t)
	for _, name := range []string{"prometheus", "exporter"} {
		c.issue(t, name, x509.ExtKeyUsageServerAuth)
		c.issue(t, name+"-client", x509.ExtKeyUsageClientAuth)
	}
	c.issue(t, "proxy", x509.ExtKeyUsageServerAuth)
	c.issue(t, "test", x509.ExtKeyUsageClientAuth)

	end := time.Now()
	l := labels.FromStrings("__name__", "load", "job", "app", "instance", "app")
	p := startPrometheus(t, servers.PrometheusOptions{
		Dir:   blocks(t, gauge(l, 1, end.Add(-50*time.Hour), end, 15*time.Second)),
		Flags: []string{c.webConfig(t, "prometheus")}, Client: c.client(t, "test"),
	})
	require.Contains(t, p.URL(), "https://")
	own := fmt.Sprintf("    basic_auth: {username: alice, password: %s}\n    %s\n",
		password, c.tlsConfig("exporter-client"))
	gateway, issued := c.tokenServer(t, p)
	for _, way := range []struct{ name, remoteRead string }{
		{"certificate and password", fmt.Sprintf("  - url: %s/api/v1/read\n%s", p.URL(), own)},
		{"tokens", fmt.Sprintf(`  - url: %[1]s/api/v1/read
    tls_config: {ca_file: %[2]s}
    oauth2:
      {client_id: exporter, client_secret: s3cret, token_url: '%[1]s/token', tls_config: {ca_file: %[2]s}}
`, gateway, c.file("ca.pem"))},
	} {
		t.Run(way.name, func(t *testing.T) {
			e, err := servers.StartExporter(t.Context(), servers.ExporterOptions{
				Config: "global: {step: 5s, query_offset: 2s, history: 2d}\nremote_read:\n" + way.remoteRead +
					"detectors: [{name: load, expr: load}]\n",
				Flags: []string{c.webConfig(t, "exporter")}, Client: c.client(t, "test"),
			})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, e.Stop()) })
			ready(t, e)

			require.NoError(t, p.Configure(fmt.Sprintf(`
scrape_configs:
  - job_name: %q
    scheme: https
    honor_labels: true
    scrape_interval: 1s
    basic_auth: {username: alice, password: %s}
    %s
    static_configs: [{targets: [%s]}]
`, way.name, password, c.tlsConfig("prometheus-client"), e.URL()[len("https://"):])))
			eventually(t, 30*time.Second, func() error {
				if len(query(t, p, fmt.Sprintf("anomaly_score and on () up{job=%q} == 1", way.name))) != 1 {
					return fmt.Errorf("no score is scraped: %v", query(t, p, "up"))
				}
				return nil
			})

			if way.name == "tokens" {
				require.Eventually(t, func() bool { return issued.Load() > 1 }, 30*time.Second, 50*time.Millisecond, "renewed")
			}
			for _, without := range []string{"no certificate", "no password"} {
				client := &http.Client{Transport: &http.Transport{TLSClientConfig: c.trusting(t)}}
				if without == "no password" {
					cert, err := tls.LoadX509KeyPair(c.file("test.pem"), c.file("test.key"))
					require.NoError(t, err)
					client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{cert}
				}
				resp, err := client.Get(e.URL() + "/metrics")
				if without == "no certificate" {
					require.ErrorContains(t, err, "certificate required")
					continue
				}
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, http.StatusUnauthorized, resp.StatusCode, without)
				client.CloseIdleConnections()
			}
		})
	}
}

// trusting is the configuration of a client that trusts the authority and has nothing to show.
func (c *certificates) trusting(t *testing.T) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(c.file("ca.pem"))
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(text))
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}
