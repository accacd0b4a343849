package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"time"
)

// stopTimeout is how long a server may take to end after SIGTERM before it is killed (chosen, not tuned).
const stopTimeout = 20 * time.Second

// process is one run of a server.
type process struct {
	name string
	cmd  *exec.Cmd
	log  *logWatch
	done chan struct{} // closed when the process has ended
	err  error         // of Wait; read after done
}

func startProcess(name, binary string, args []string, log io.Writer) (*process, error) {
	p := &process{name: name, cmd: exec.Command(binary, args...), log: newLogWatch(log), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = childAttributes()
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// address waits for the log message with the listen address.
func (p *process) address(ctx context.Context) (string, error) {
	select {
	case addr := <-p.log.address:
		return addr, nil
	case <-p.done:
		return "", p.ended()
	case <-ctx.Done():
		return "", fmt.Errorf("%s: waiting for its address: %w\n%s", p.name, context.Cause(ctx), p.log)
	}
}

func (p *process) ended() error {
	if p.err == nil {
		return fmt.Errorf("%s ended\n%s", p.name, p.log)
	}
	return fmt.Errorf("%s ended: %w\n%s", p.name, p.err, p.log)
}

// stop ends the process with SIGTERM, and with SIGKILL if that takes too long. It is an error if the process has
// ended before.
func (p *process) stop() error {
	select {
	case <-p.done:
		return p.ended()
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTimeout):
		_ = p.kill()
		return fmt.Errorf("stop %s: still running after %s, killed\n%s", p.name, stopTimeout, p.log)
	}
}

func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.done
	return nil
}

// listening matches the log message of exporter-toolkit, which these servers use, in logfmt and in JSON, and that of
// Cortex.
var listening = regexp.MustCompile(`(?:msg="Listening on"|"msg":"Listening on").*?"?address"?[=:]"?([^" \n]+)|` +
	`http=([^ \n]+) .*?msg="server listening on addresses"`)

// keptLog is how many bytes of the end of a log are kept for error messages.
const keptLog = 16 << 10

// logWatch forwards a log, keeps its end, and finds the listen address in it.
type logWatch struct {
	address chan string // receives one address

	mu    sync.Mutex
	tail  []byte
	found bool
	next  io.Writer
}

func newLogWatch(next io.Writer) *logWatch {
	return &logWatch{address: make(chan string, 1), next: next}
}

func (w *logWatch) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tail = append(w.tail, b...)
	if !w.found && bytes.HasSuffix(w.tail, []byte("\n")) {
		if m := listening.FindSubmatch(w.tail); m != nil {
			w.found = true
			w.address <- string(slices.Concat(m[1:]...))
		}
	}
	if over := len(w.tail) - keptLog; over > 0 {
		w.tail = append(w.tail[:0], w.tail[over:]...)
	}
	if w.next != nil {
		// An error of the writer must not end the server.
		_, _ = w.next.Write(b)
	}
	return len(b), nil
}

// String returns the end of the log.
func (w *logWatch) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.tail)
}
