package keda_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// root is the top folder. Its package test/servers cannot be used here: KEDA needs another version of client_golang.
const root = "../.."

// server is a Prometheus or an exporter that `make tools` or `make build` left.
type server struct {
	binary string
	args   []string
	url    string
	up     string // path that answers once it is up
	cmd    *exec.Cmd
	log    *bytes.Buffer // read once the process has ended
}

// startServer starts a server on a free port, and ends it with the test.
func startServer(t *testing.T, binary, up string, args ...string) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	s := &server{
		binary: filepath.Join(root, ".build", binary), url: "http://" + address, up: up,
		args: append(args, "--web.listen-address="+address, "--web.enable-lifecycle"),
	}
	s.start(t)
	t.Cleanup(s.kill)
	return s
}

func (s *server) start(t *testing.T) {
	t.Helper()
	s.log = &bytes.Buffer{}
	s.cmd = exec.Command(s.binary, s.args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, s.cmd.Start(), "make build tools")
	eventually(t, 30*time.Second, func() error { return answers(http.MethodGet, s.url+s.up) })
}

// kill ends the server as a crash would; ending twice does nothing.
func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// answers says whether a request is answered with 200.
func answers(method, url string) error {
	request, err := http.NewRequest(method, url, strings.NewReader(""))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, url, response.Status)
	}
	return nil
}

// eventually tries until check returns nil, or fails with what it said last.
func eventually(t *testing.T, within time.Duration, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	require.NoError(t, err, "after %s", within)
}
