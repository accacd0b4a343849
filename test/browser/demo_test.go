// Package browser_test clicks through the pages of the demo in a real Chromium.
package browser_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var screenshots = flag.String("screenshots", "", "directory for pictures of the pages; by default a temporary one")

// chromium is what to install if there is no browser.
const chromium = "no Chromium: apt-get install chromium (Debian), or set CHROMIUM to the path of a Chromium or Chrome"

// browserPath returns the browser to use.
func browserPath() (string, error) {
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path, nil
		}
	}
	return "", errors.New(chromium)
}

// demo is the demo, running with all its servers.
type demo struct {
	page, prometheus, alertmanager string // addresses
}

// startDemo starts the demo and waits until it has seen the troubles of its story.
func startDemo(t *testing.T) demo {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	binary := filepath.Join(t.TempDir(), "demo")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./examples/demo")
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	run := exec.CommandContext(t.Context(), binary)
	run.Dir = root
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	run.WaitDelay = 20 * time.Second
	stdout, err := run.StdoutPipe()
	require.NoError(t, err)
	run.Stderr = os.Stderr
	require.NoError(t, run.Start())
	var said strings.Builder
	t.Cleanup(func() {
		_ = run.Process.Signal(os.Interrupt)
		_, _ = io.Copy(io.Discard, stdout)
		if err := run.Wait(); err != nil {
			t.Log("the demo ended:", err)
		}
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "The story goes on.") {
			break
		}
	}
	find := func(pattern string) string {
		found := regexp.MustCompile(pattern).FindStringSubmatch(said.String())
		require.NotNil(t, found, "%s in %s", pattern, said.String())
		return found[1]
	}
	d := demo{
		page:         find(`(?m)^Open (http://\S+) in a browser`),
		prometheus:   find(`(?m)^Prometheus +(http://[^/]+)/`),
		alertmanager: find(`(?m)^Alertmanager +(http://\S+)`),
	}
	t.Log("the page:", d.page)
	return d
}

// get decodes the JSON at an address.
func get(t *testing.T, address string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", address, body)
	require.NoError(t, json.Unmarshal(body, into), "%s: %s", address, body)
}

// eventually tries until check returns nil, or fails with what it said last.
func eventually(t *testing.T, within time.Duration, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			require.NoError(t, fmt.Errorf("after %s: %w", within, err))
		case <-tick.C:
		}
	}
}
