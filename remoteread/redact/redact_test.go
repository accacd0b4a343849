package redact_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/redact"
)

func TestSecrets_AreHiddenInAllNotations(t *testing.T) {
	s := redact.Secrets{`pa ss"<1>`, "pa ss", "ab"}
	for text, want := range map[string]string{
		`x pa ss"<1> y`:             "x <secret> y",
		"pa+ss%22%3C1%3E":           "<secret>",
		"pa%20ss%22%3C1%3E":         "<secret>",
		"pa ss&#34;&lt;1&gt;":       "<secret>",
		`{"p":"pa ss\"<1>"}`:        `{"p":"<secret>"}`,
		"cGEgc3MiPDE+":              "<secret>", // base64
		"about":                     "about",    // too short to be one
		"Post \"http://h/p\": EOF":  "Post \"http://h/p\": EOF",
		`Post "http://u:p@h/p?q=1"`: `Post "http://h/p"`,
		"see https://h/?q=1#f, too": "see https://h/ too",
		"http://h:po%rt/?q=1":       "http://<secret>",
	} {
		require.Equal(t, want, s.Text(text), text)
	}
}

func TestExcerpt_ShowsNoPartOfASecret(t *testing.T) {
	token := strings.Repeat("token", 100)
	text := strings.Repeat("-", 190) + token
	require.Equal(t, strings.Repeat("-", 190)+"<secret>", redact.Secrets{token}.Excerpt([]byte(text)))
	require.Equal(t, "a b.c", redact.Secrets{}.Excerpt([]byte("a\nb\x00c\n")))
}

func TestSent_AreTheCredentialsOfARequest(t *testing.T) {
	r, err := http.NewRequest(http.MethodPost, "http://h/", nil)
	require.NoError(t, err)
	r.SetBasicAuth("me", "open-sesame")
	r.Header.Add("Cookie", "session=1234")
	r.Header.Set("X-Scope-OrgID", "shop")
	require.Equal(t, "shop me <secret> <secret> <secret>",
		redact.Sent(r).Text("shop me open-sesame bWU6b3Blbi1zZXNhbWU= session=1234"))
	require.Empty(t, redact.Sent(nil))
}

func TestError_KeepsWhatItWraps(t *testing.T) {
	cause := errors.New("open-sesame")
	err := redact.Secrets{"open-sesame"}.Error(fmt.Errorf("no: %w", cause))
	require.EqualError(t, err, "no: <secret>")
	require.ErrorIs(t, err, cause)
	require.Same(t, cause, redact.Secrets{}.Error(cause))
	long := redact.Secrets{}.Error(errors.New(strings.Repeat("line\n", 1000)))
	require.LessOrEqual(t, len(long.Error()), 1003)
	require.NotContains(t, long.Error(), "\n")
}
