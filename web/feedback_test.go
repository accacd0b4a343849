package web_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/anomaly-exporter/anomaly-exporter/verdict"
	"github.com/anomaly-exporter/anomaly-exporter/web"
)

const body = `{"series": "{detector=\"load\", pod=\"a\"}", "from": "2026-11-28T12:00:00Z", "to": "1795870800",
	"verdict": "confirmed", "who": "mallory", "comment": "it <b>was</b>"}`

// withVerdicts returns options with a file of verdicts, which is not there yet.
func withVerdicts(t *testing.T, configFile string, anonymous bool) web.Options {
	t.Helper()
	o := options()
	o.Verdicts = verdict.NewFile(verdict.Options{Path: filepath.Join(t.TempDir(), "feedback.yml")})
	o.Author = web.Author(configFile, anonymous)
	return o
}

// send sends a body with headers, which are pairs.
func send(t *testing.T, o web.Options, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	h, err := web.NewHandler(o)
	require.NoError(t, err)
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec.Code, rec.Body.String() + rec.Header().Get("Location")
}

func TestFeedback_IsTakenListedAndRevoked(t *testing.T) {
	o := withVerdicts(t, "", true)
	status, answer := send(t, o, "POST", "/api/v1/feedback", body)
	require.Equal(t, 200, status, answer)
	const given = `{"series":"{detector=\"load\", pod=\"a\"}","from":"2026-11-28T12:00:00Z","to":"2026-11-28T13:00:00Z",` +
		`"verdict":"confirmed","who":"mallory","comment":"it <b>was</b>"}`
	require.JSONEq(t, `{"status":"success","data":`+given+`}`, answer)
	other := strings.ReplaceAll(body, `\"a\"`, `\"b\"`)
	status, _ = send(t, o, "POST", "/api/v1/feedback", other)
	require.Equal(t, 200, status)

	list := func(query url.Values) (total int, feedback []json.RawMessage) {
		t.Helper()
		status, answer := send(t, o, "GET", "/api/v1/feedback?"+query.Encode(), "")
		require.Equal(t, 200, status, answer)
		var a struct {
			Data struct {
				Feedback []json.RawMessage `json:"feedback"`
				Total    int               `json:"total"`
				Invalid  []string          `json:"invalid"`
			} `json:"data"`
		}
		require.NoError(t, json.Unmarshal([]byte(answer), &a))
		require.Empty(t, a.Data.Invalid)
		return a.Data.Total, a.Data.Feedback
	}
	total, found := list(nil)
	require.Equal(t, 2, total)
	require.JSONEq(t, given, string(found[1]), "the newest first")
	total, found = list(url.Values{"limit": {"1"}, "offset": {"1"}})
	require.Equal(t, 2, total)
	require.Len(t, found, 1)
	require.JSONEq(t, given, string(found[0]))
	total, _ = list(url.Values{"match[]": {`{pod="b"}`}})
	require.Equal(t, 1, total)

	status, _ = send(t, o, "POST", "/api/v1/feedback", strings.ReplaceAll(body, "confirmed", "revoked"))
	require.Equal(t, 200, status)
	total, found = list(nil)
	require.Equal(t, 1, total)
	require.Contains(t, string(found[0]), `pod=\"b\"`)
	status, answer = send(t, o, "GET", "/feedback", "")
	require.Equal(t, 200, status)
	require.Contains(t, answer, "it &lt;b&gt;was&lt;/b&gt;")
	require.NotContains(t, answer, "it <b>")
}

func TestFeedback_RefusesWhatIsNoVerdict(t *testing.T) {
	o := withVerdicts(t, "", true)
	for _, tc := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/api/v1/feedback", "", 400, "body: EOF"},
		{"POST", "/api/v1/feedback", body + body, 400, "body: something comes after the object"},
		{"POST", "/api/v1/feedback", `{"serie": ""}`, 400, `body: json: unknown field \"serie\"`},
		{"POST", "/api/v1/feedback", strings.ReplaceAll(body, "confirmed", "x"), 400, `verdict: \"x\" is not one of`},
		{"POST", "/api/v1/feedback", strings.ReplaceAll(body, "1795870800", ""), 400, "to: not between"},
		{"POST", "/api/v1/feedback", strings.ReplaceAll(body, "1795870800", "soon"), 400, `to: \"soon\" is neither`},
		{"POST", "/api/v1/feedback", strings.ReplaceAll(body, "pod=", "pod=~"), 400, "series: 1:"},
		{"POST", "/api/v1/feedback", `{"who": "` + strings.Repeat("x", 17<<10), 413, "larger than 16384 bytes"},
		{"PUT", "/api/v1/feedback", body, 405, "only GET and POST requests allowed"},
		{"GET", "/api/v1/feedback?limit=x", "", 400, "limit:"},
		{"POST", "/feedback", "series=%7Ba%3D%22b%22%7D&from=soon", 400, "from: &#34;soon&#34; is not a time"},
		{"POST", "/feedback", "verdict=" + strings.Repeat("x", 17<<10), 400, "request body too large"},
		{"DELETE", "/feedback", "", 405, "Only GET and POST"},
	} {
		status, answer := send(t, o, tc.method, tc.path, tc.body, "Content-Type", "application/x-www-form-urlencoded")
		require.Equal(t, tc.status, status, answer)
		require.Contains(t, answer, tc.want)
	}
	require.Empty(t, o.Verdicts.Set().All())

	o.Verdicts = verdict.NewFile(verdict.Options{Path: filepath.Join(t.TempDir(), "none", "feedback.yml")})
	status, answer := send(t, o, "POST", "/api/v1/feedback", body)
	require.Equal(t, 500, status)
	require.Contains(t, answer, "feedback file: open ")
}

func TestFeedback_IsTakenFromForms(t *testing.T) {
	o := withVerdicts(t, "", true)
	form := url.Values{
		"series": {`{detector="load"}`}, "from": {"2026-11-28T12:00"}, "to": {"2026-11-28T13:00"}, "verdict": {"rejected"},
		"who": {" bob "}, "comment": {"monthly\r\nreport"}, "back": {"detector=load&x=//example.com"},
	}
	headers := []string{"Content-Type", "application/x-www-form-urlencoded"}
	status, to := send(t, o, "POST", "/feedback", form.Encode(), headers...)
	require.Equal(t, 303, status)
	require.Equal(t, "/series?detector=load&x=%2F%2Fexample.com", to)
	v := o.Verdicts.Set().All()[0]
	require.Equal(t, "bob", v.Who)
	require.Equal(t, "monthly\r\nreport", v.Comment)
	require.Equal(t, verdict.Rejected, v.Kind)

	form.Set("verdict", "revoked")
	form.Set("from", "2026-11-28T12:00:00Z")
	form.Set("back", "%zz")
	status, to = send(t, o, "POST", "/feedback", form.Encode(), headers...)
	require.Equal(t, 303, status)
	require.Equal(t, "/feedback", to)
	require.Empty(t, o.Verdicts.Set().All())
}

func TestFeedback_IsNotThereWithoutAFile(t *testing.T) {
	for _, path := range []string{"/feedback", "/api/v1/feedback"} {
		for _, method := range []string{"GET", "POST"} {
			status, answer := send(t, options(), method, path, body)
			require.Equal(t, 404, status, answer)
		}
	}
	_, answer := send(t, options(), "GET", "/", "")
	require.NotContains(t, answer, "feedback")
	o := withVerdicts(t, "", true)
	o.Author = nil
	_, err := web.NewHandler(o)
	require.ErrorContains(t, err, "Author is missing")
}

func TestHandler_RefusesWhatOtherSitesSend(t *testing.T) {
	o := withVerdicts(t, "", true)
	o.EnableLifecycle = true
	o.ExternalURL = &url.URL{Scheme: "https", Host: "anomalies.example.org", Path: "/"}
	for _, tc := range []struct {
		name    string
		headers []string
		ok      bool
	}{
		{"curl", nil, true},
		{"the page", []string{"Origin", "http://example.com"}, true}, // the host of httptest.NewRequest
		{"the page behind a proxy", []string{"Origin", "https://anomalies.example.org"}, true},
		{"the page, says the browser", []string{"Sec-Fetch-Site", "same-origin"}, true},
		{"another site", []string{"Origin", "https://evil.example"}, false},
		{"another site, says the browser", []string{"Sec-Fetch-Site", "cross-site"}, false},
		{"a sandboxed page", []string{"Origin", "null"}, false},
	} {
		for _, path := range []string{"/api/v1/feedback", "/feedback", "/-/reload"} {
			status, answer := send(t, o, "POST", path, body, tc.headers...)
			require.Equal(t, tc.ok, status != http.StatusForbidden, "%s: %s: %s", tc.name, path, answer)
		}
		status, _ := send(t, o, "GET", "/api/v1/feedback", "", tc.headers...)
		require.Equal(t, 200, status, "reading is for all")
	}
}

// It runs the exporter-toolkit, which authenticates.
func TestFeedback_IsTakenFromThoseWhoAuthenticate(t *testing.T) {
	dir := t.TempDir()
	certificate := selfSigned(t, dir)
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	require.NoError(t, err)
	const server = "tls_server_config: {cert_file: cert.pem, key_file: key.pem"
	for _, tc := range []struct {
		name, config string
		anonymous    bool
		status       int
		who          string
	}{
		{"a password", server + "}\nbasic_auth_users: {alice: " + string(hash) + "}", false, 200, "alice"},
		{
			"a certificate", server + ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: cert.pem}",
			false, 200, "carol",
		},
		{"a certificate that nobody checks", server + ", client_auth_type: RequireAnyClientCert}", false, 403, ""},
		{"only TLS", server + "}", false, 403, ""},
		{"anybody", server + "}", true, 200, "mallory"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(dir, "web.yml")
			require.NoError(t, os.WriteFile(file, []byte(tc.config), 0o600))
			o := withVerdicts(t, file, tc.anonymous)
			h, err := web.NewHandler(o)
			require.NoError(t, err)
			s, stop := start(t, h, listen(file, "127.0.0.1:0"))
			addr, err := s.Addr(t.Context())
			require.NoError(t, err)
			client := &http.Client{Transport: &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}},
			}}
			defer client.CloseIdleConnections()
			r, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+addr.String()+"/api/v1/feedback",
				strings.NewReader(body))
			require.NoError(t, err)
			r.SetBasicAuth("alice", "secret")
			resp, err := client.Do(r)
			require.NoError(t, err)
			answer, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, tc.status, resp.StatusCode, "%s", answer)
			if tc.status == 200 {
				require.Equal(t, tc.who, o.Verdicts.Set().All()[0].Who)
			} else {
				require.Contains(t, string(answer), "feedback is only taken from people who authenticate")
				require.Empty(t, o.Verdicts.Set().All())
			}
			require.NoError(t, stop())
		})
	}
	status, answer := send(t, withVerdicts(t, "none.yml", true), "POST", "/api/v1/feedback", body)
	require.Equal(t, 403, status)
	require.Contains(t, answer, "web configuration: open none.yml")
	broken := filepath.Join(dir, "broken.yml")
	require.NoError(t, os.WriteFile(broken, []byte("basic_auth_users: "+string(hash)), 0o600))
	_, answer = send(t, withVerdicts(t, broken, true), "POST", "/api/v1/feedback", body)
	require.Contains(t, answer, "web configuration: not valid")
	require.NotContains(t, answer, string(hash))
}
