package browser_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// look is how a page is looked at.
type look struct {
	name   string
	width  int64
	scheme string // of colours
	bare   bool   // without JavaScript
}

var looks = []look{
	{name: "light", width: 1280, scheme: "light"},
	{name: "dark", width: 1280, scheme: "dark"},
	{name: "phone", width: 390, scheme: "light"},
	{name: "bare", width: 1280, scheme: "light", bare: true},
}

// tab is a tab of a browser. It records what a page must not do.
type tab struct {
	t    *testing.T
	ctx  context.Context
	look look

	mu    sync.Mutex // guards what follows
	wrong []string
}

// startBrowser starts a browser, and returns a function that opens tabs in it.
func startBrowser(t *testing.T) func(*testing.T, demo, look) *tab {
	t.Helper()
	path, err := browserPath()
	require.NoError(t, err)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to run as root in its sandbox
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	browser, stop := chromedp.NewContext(allocator)
	t.Cleanup(func() { stop(); stopAllocator() })
	require.NoError(t, chromedp.Do(browser))
	return func(t *testing.T, d demo, l look) *tab {
		t.Helper()
		ctx, cancel := chromedp.NewContext(browser)
		t.Cleanup(cancel)
		b := &tab{t: t, ctx: ctx, look: l}
		own, err := url.Parse(d.page)
		require.NoError(t, err)
		require.NoError(t, chromedp.Listen(ctx, func(event any) { b.watch(own.Host, event) }))
		call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: l.width, Height: 900, DeviceScaleFactor: 1, Mobile: l.width < 600,
		})
		call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}},
		})
		call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.bare})
		return b
	}
}

// call calls a command of the browser's protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, command, params)
	require.NoError(b.t, err)
}

// watch records errors in the console, and requests that fail or go to another host.
func (b *tab) watch(own string, event any) {
	wrong := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		wrong = fmt.Sprintf("exception: %v", e.ExceptionDetails)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			wrong = fmt.Sprintf("console.%s:", e.Type)
			for _, arg := range e.Args {
				wrong += fmt.Sprintf(" %s%s", arg.Value, arg.Description)
			}
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			wrong = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Host != own && u.Scheme != "data" {
			wrong = "foreign request: " + e.Request.URL
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			wrong = fmt.Sprintf("status %d: %s", e.Response.Status, e.Response.URL)
		}
	}
	if wrong != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.wrong = append(b.wrong, wrong)
	}
}

// run runs an action, for no longer than a minute.
func run[T any](b *tab, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	require.NoError(b.t, err)
	return v
}

// open goes to an address.
func (b *tab) open(address string) { b.t.Helper(); run(b, chromedp.Navigate(address)) }

// click follows a link, found by an XPath.
func (b *tab) click(xpath string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	_, err := chromedp.RunResponse(ctx, chromedp.Click(xpath))
	require.NoError(b.t, err, xpath)
}

// evaluate returns what an expression of JavaScript gives. It works in a bare tab, too.
func evaluate[T any](b *tab, expr string) T { b.t.Helper(); return run(b, chromedp.Evaluate[T](expr)) }

func (b *tab) text(css string) string { b.t.Helper(); return run(b, chromedp.Text(chromedp.CSS(css))) }

// drawn waits until charts are drawn, and requires as many as there should be.
func (b *tab) drawn(charts int) {
	b.t.Helper()
	if b.look.bare {
		require.Zero(b.t, evaluate[int](b, `document.querySelectorAll('.uplot').length`))
		return
	}
	eventually(b.t, time.Minute, func() error {
		if n := evaluate[int](b, `document.querySelectorAll('.uplot canvas').length`); n != charts {
			return fmt.Errorf("%d charts instead of %d: %s", n, charts, b.text("#status"))
		}
		return nil
	})
	for i := range charts {
		painted := evaluate[bool](b, fmt.Sprintf(`(() => {
			const c = document.querySelectorAll('.uplot canvas')[%d];
			return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v !== 0);
		})()`, i))
		require.True(b.t, painted, "chart %d is empty", i)
	}
}

// fine requires that the page is as wide as the window and has done nothing wrong, and takes a picture of it.
func (b *tab) fine(name string) {
	b.t.Helper()
	picture := run(b, chromedp.FullScreenshot(100))
	dir := *screenshots
	if dir == "" {
		dir = b.t.TempDir()
	}
	require.NoError(b.t, os.MkdirAll(dir, 0o755))
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, name+"-"+b.look.name+".png"), picture, 0o644))
	wide := evaluate[[]string](b, fmt.Sprintf(`(() => {
		const right = (e) => e.getBoundingClientRect().right, page = document.documentElement.scrollWidth;
		const beyond = [...document.querySelectorAll('body *')].filter((e) => right(e) > %[1]d);
		return page <= %[1]d ? [] : ['page ' + page, ...beyond.map((e) => e.outerHTML.slice(0, 80) + ' ' + right(e))];
	})()`, b.look.width))
	require.Empty(b.t, wide, "what is wider than the window")
	require.NotContains(b.t, b.text("body"), "ZgotmplZ")
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, strings.Join(b.wrong, "\n"))
}
