// Package ask asks running servers over HTTP, for commands that show what they say.
package ask

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
)

const (
	// timeout bounds a question. Chosen: the exporter itself waits a second at most.
	timeout = 30 * time.Second
	// maxRead is a guard: 10,000 series take some 10 MB.
	maxRead = 256 << 20
	// perPage is the most series that the API returns at once.
	perPage = 10_000
)

// Server is a server, with the flags that name it.
type Server struct {
	name       string // for people
	flag       string // of the URL, with dashes
	url        *url.URL
	httpConfig string // file; "": none
}

// AddTo adds the flags of a server to a command: --PREFIXurl and --PREFIXhttp.config.file. address is the default; "":
// there is none.
func (s *Server) AddTo(cmd *kingpin.CmdClause, name, prefix, address, help string) {
	s.name, s.flag = name, "--"+prefix+"url"
	flag := cmd.Flag(prefix+"url", help)
	if address == "" {
		flag.PlaceHolder("<URL>")
	} else {
		flag.Default(address)
	}
	URLVar(flag, &s.url)
	cmd.Flag(prefix+"http.config.file", "HTTP client configuration for the "+name+": authentication, TLS, proxy. The "+
		"format is that of promtool.").PlaceHolder("<filename>").ExistingFileVar(&s.httpConfig)
}

// URLVar makes a flag one for the URL of a server. Kingpin's own also takes localhost:9090, with the scheme localhost.
func URLVar(flag *kingpin.FlagClause, to **url.URL) { flag.SetValue(&serverURL{to}) }

type serverURL struct{ to **url.URL }

func (v *serverURL) Set(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		shown := "it" // what cannot be parsed may have a password
		if err == nil && (u.User != nil || !strings.Contains(text, "@")) {
			shown = u.Redacted()
		}
		return fmt.Errorf("%s does not begin with http:// or https:// and a host", shown)
	}
	*v.to = u
	return nil
}

func (v *serverURL) String() string {
	if *v.to == nil {
		return ""
	}
	return (*v.to).String()
}

// httpFlag returns the name of the other flag.
func (s *Server) httpFlag() string { return strings.TrimSuffix(s.flag, "url") + "http.config.file" }

// Given reports whether the server has a URL.
func (s *Server) Given() bool { return s.url != nil }

// A Client asks one server.
type Client struct {
	*http.Client
	server *Server
}

// Client returns a client of the server.
func (s *Server) Client() (*Client, error) {
	client, err := HTTPClient(s.httpConfig, "ask")
	if err != nil {
		return nil, err
	}
	return &Client{client, s}, nil
}

// HTTPClient returns a client with the configuration in a file; "": the default.
func HTTPClient(file, name string) (*http.Client, error) {
	c := commoncfg.DefaultHTTPClientConfig
	if file != "" {
		loaded, _, err := commoncfg.LoadHTTPConfigFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		c = *loaded
	}
	client, err := commoncfg.NewClientFromConfig(c, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return client, nil
}

// Vector returns the instant vector that an expression has at a time. Any other result is an error.
func Vector(ctx context.Context, server v1.API, expr string, at time.Time) (model.Vector, error) {
	value, _, _, err := server.Query(ctx, expr, at)
	if err != nil {
		return nil, err
	}
	vector, ok := value.(model.Vector)
	if !ok {
		return nil, fmt.Errorf("%s is not an instant vector", expr)
	}
	return vector, nil
}

// URL returns the URL of the server.
func (c *Client) URL() *url.URL { return c.server.url }

// A Failure is a question that was not answered.
type Failure struct {
	Err    error
	Remedy string // ""; none is known
}

// Error returns what is wrong, and the remedy.
func (f *Failure) Error() string {
	if f.Remedy == "" {
		return f.Err.Error()
	}
	return f.Err.Error() + "; " + f.Remedy
}

// Unwrap returns what is wrong.
func (f *Failure) Unwrap() error { return f.Err }

// Failed returns a failed request with what to do about it.
func (c *Client) Failed(err error) *Failure { return c.server.Failed(err) }

// At returns a server at a URL that comes from a flag, for people who are told what to do about it.
func At(name, flag string, at *url.URL) *Server { return &Server{name: name, flag: flag, url: at} }

// Failed returns a failed request with what to do about it. The error of a request holds the whole URL: only its cause
// is kept.
func (s *Server) Failed(err error) *Failure {
	if known, ok := errors.AsType[*Failure](err); ok {
		return known
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	if said, ok := errors.AsType[*v1.Error](err); ok {
		return s.said(said)
	}
	f := &Failure{Err: fmt.Errorf("the %s at %s does not answer: %w", s.name, s.url.Redacted(), err)}
	_, badName := errors.AsType[*net.DNSError](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		f.Remedy = "is it running, and is its port right in " + s.flag + "?"
	case badName:
		f.Remedy = "is the name right in " + s.flag + "?"
	case errors.Is(err, context.DeadlineExceeded):
		f.Remedy = "is it overloaded, or a firewall in between?"
	case untrusted:
		f.Remedy = "set tls_config.ca_file in " + s.httpFlag() + " to the authority that signed the certificate"
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		f.Remedy = "it does not speak TLS: write http:// in " + s.flag
	}
	return f
}

// said returns the failure that the client of Prometheus' API reports.
func (s *Server) said(err *v1.Error) *Failure {
	status := 0
	_, text, _ := strings.Cut(err.Msg, "error: ")
	switch err.Type {
	case v1.ErrClient, v1.ErrServer:
		if status, _ = strconv.Atoi(text); status > 0 {
			return s.refused(status, "")
		}
	case v1.ErrBadResponse:
		return s.refused(http.StatusOK, unexpected)
	}
	return &Failure{Err: fmt.Errorf("the %s at %s answers: %w", s.name, s.url.Redacted(), err)}
}

// unexpected stands for an answer that is not that of such a server.
const unexpected = "something unexpected"

// refused returns an answer that does not answer, with what to do about it.
func (s *Server) refused(status int, said string) *Failure {
	plain := said == ""
	if plain {
		said = strconv.Itoa(status) + " " + http.StatusText(status)
	}
	f := &Failure{Err: fmt.Errorf("the %s at %s answers: %s", s.name, s.url.Redacted(), said)}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		f.Remedy = "give credentials by " + s.httpFlag()
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusOK:
		f.Remedy = "does " + s.flag + " lack a prefix, or is another program there?"
	case http.StatusBadRequest:
		switch {
		case plain:
			f.Remedy = "does it speak TLS? Then write https:// in " + s.flag
		case strings.HasPrefix(said, "no match[]"): // the exporter needs none
			f.Remedy = "that is a Prometheus: give the URL of the " + s.name + " in " + s.flag
		}
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		f.Remedy = "is it still starting, or is a proxy in between whose server is down?"
	}
	return f
}

// Open returns the body of a path that answers with 200. The error is a Failure.
func (c *Client) Open(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	u := c.server.url.JoinPath(path)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, c.Failed(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		return nil, c.Failed(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var answer struct {
		Error string `json:"error"`
	}
	_ = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer) // others do not write JSON
	return nil, c.server.refused(resp.StatusCode, answer.Error)
}

// JSON decodes what a path answers. The error is a Failure.
func (c *Client) JSON(ctx context.Context, path string, query url.Values, to any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := c.Open(ctx, path, query)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, maxRead)).Decode(to); err != nil {
		if ctx.Err() != nil {
			return c.Failed(ctx.Err())
		}
		return c.server.refused(http.StatusOK, unexpected)
	}
	return nil
}

// API decodes the data of an endpoint of the exporter's API, such as "detectors". The error is a Failure.
func (c *Client) API(ctx context.Context, endpoint string, query url.Values, to any) error {
	answer := struct {
		Status string `json:"status"`
		Data   any    `json:"data"`
	}{Data: to}
	if err := c.JSON(ctx, "api/v1/"+endpoint, query, &answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return c.server.refused(http.StatusOK, unexpected)
	}
	return nil
}
