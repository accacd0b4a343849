// Package servers runs real Prometheus, Alertmanager and Cortex servers as child processes on loopback,
// and writes TSDB blocks for them, for tests and for the demo.
package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// readyPoll is the time between two checks of whether a server is ready.
const readyPoll = 50 * time.Millisecond

// server is the common part of all servers.
type server struct {
	name   string
	binary string
	listen func(addr string) []string // the arguments with the listen address
	args   []string                   // all others
	dir    string
	ownDir bool // dir is temporary: Stop removes it
	addr   string
	up     string // path that responds with 200 once the server is up
	scheme string // http or https
	log    io.Writer
	client *http.Client

	mu   sync.Mutex
	proc *process // nil when stopped
}

// newServer prepares the data directory and the configuration file in it.
func newServer(name, binary, dir, addr, config string, log io.Writer) (*server, error) {
	s := &server{name: name, binary: binary, dir: dir, addr: addr, up: "/-/ready", scheme: "http", log: log}
	s.listen = func(addr string) []string { return []string{"--web.listen-address=" + addr} }
	if s.binary == "" {
		var err error
		if s.binary, err = Tool(name); err != nil {
			return nil, err
		}
	}
	if s.addr == "" {
		s.addr = "127.0.0.1:0"
	}
	if s.dir == "" {
		var err error
		if s.dir, err = os.MkdirTemp("", name+"-"); err != nil {
			return nil, err
		}
		s.ownDir = true
	}
	if err := os.WriteFile(s.configFile(), []byte(config), 0o600); err != nil {
		return nil, errors.Join(err, s.removeDir())
	}
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	return s, nil
}

func (s *server) configFile() string { return filepath.Join(s.dir, s.name+".yml") }

// secure makes the server be asked over TLS, with a client that has what its --web.config.file wants. nil changes
// nothing.
func (s *server) secure(client *http.Client) {
	if client != nil {
		s.scheme, s.client = "https", client
	}
}

// start runs the server and waits until it is up. If that fails, it kills the process.
func (s *server) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		return fmt.Errorf("%s is running", s.name)
	}
	proc, err := startProcess(s.name, s.binary, slices.Concat(s.listen(s.addr), s.args), s.log)
	if err != nil {
		return err
	}
	addr, err := proc.address(ctx)
	if err == nil {
		err = s.waitReady(ctx, proc, addr)
	}
	if err != nil {
		return errors.Join(err, proc.kill())
	}
	// Restart uses the same port.
	s.addr, s.proc = addr, proc
	return nil
}

func (s *server) waitReady(ctx context.Context, proc *process, addr string) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		err := s.get(ctx, s.scheme+"://"+addr+s.up)
		if err == nil {
			return nil
		}
		select {
		case <-proc.done:
			return proc.ended()
		case <-ctx.Done():
			return fmt.Errorf("%s: not ready: %w (last answer: %w)\n%s", s.name, context.Cause(ctx), err, proc.log)
		case <-tick.C:
		}
	}
}

func (s *server) get(ctx context.Context, url string) error {
	return s.request(ctx, http.MethodGet, url)
}

func (s *server) request(ctx context.Context, method, url string) error {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, strings.TrimSpace(string(body)))
	}
	return nil
}

// URL returns the server's address, as in http://127.0.0.1:41234. It stays the same over a Restart.
func (s *server) URL() string { return s.scheme + "://" + s.addr }

// Dir returns the data directory.
func (s *server) Dir() string { return s.dir }

// Reload makes the server read its configuration file again. It fails if the server rejects the file.
func (s *server) Reload() error {
	return s.request(context.Background(), http.MethodPost, s.URL()+"/-/reload")
}

// Configure replaces the configuration file with the YAML text and reloads it.
func (s *server) Configure(config string) error {
	if err := os.WriteFile(s.configFile(), []byte(config), 0o600); err != nil {
		return err
	}
	return s.Reload()
}

// Stop ends the server gracefully and removes a temporary data directory. A second call does nothing.
func (s *server) Stop() error {
	err := s.end((*process).stop)
	return errors.Join(err, s.removeDir())
}

// Kill ends the server at once, as a crash would, and keeps its data for Restart.
func (s *server) Kill() error { return s.end((*process).kill) }

// Restart starts the server again with the same port and data. It stops the server first if it is running. After
// Stop, a temporary data directory is gone.
func (s *server) Restart(ctx context.Context) error {
	if err := s.end((*process).stop); err != nil {
		return err
	}
	return s.start(ctx)
}

func (s *server) end(how func(*process) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client.CloseIdleConnections()
	if s.proc == nil {
		return nil
	}
	err := how(s.proc)
	s.proc = nil
	return err
}

func (s *server) removeDir() error {
	if !s.ownDir {
		return nil
	}
	return os.RemoveAll(s.dir)
}

// CPUSeconds returns the CPU time, user and system, that the running process has used (Linux only).
func (s *server) CPUSeconds() (float64, error) {
	pid, err := s.pid()
	if err != nil {
		return 0, err
	}
	return cpuSeconds(pid)
}

// RSS returns the resident memory in bytes, now and at its peak (Linux only).
func (s *server) RSS() (now, peak int64, err error) {
	pid, err := s.pid()
	if err != nil {
		return 0, 0, err
	}
	return residentBytes(pid)
}

func (s *server) pid() (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return 0, fmt.Errorf("%s is stopped", s.name)
	}
	return s.proc.cmd.Process.Pid, nil
}
