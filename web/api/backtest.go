package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/anomaly-exporter/anomaly-exporter/web/trial"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// maxYAML is the largest detector that can be tried out, in bytes. Guard: the largest one takes some kilobytes.
const maxYAML = 64 << 10

// backtest tries out the detector or scaler in the body.
func (a *API) backtest(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		WriteError(w, http.StatusMethodNotAllowed, "bad_data", errors.New("only POST requests allowed"))
		return
	}
	yaml, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxYAML))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		err = fmt.Errorf("the body is larger than %d bytes", tooLarge.Limit)
		WriteError(w, http.StatusRequestEntityTooLarge, "bad_data", err)
		return
	}
	var found *trial.Result
	if err != nil {
		err = view.Invalidf("body: %w", err)
	} else {
		found, err = a.try(r, yaml)
	}
	if err != nil {
		writeFailure(w, err)
		return
	}
	writeJSON(w, http.StatusOK, response{Status: "success", Data: found})
}

func (a *API) try(r *http.Request, yaml []byte) (*trial.Result, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, view.Invalidf("%w", err)
	}
	for name := range values {
		if name != "start" && name != "end" {
			return nil, view.Invalidf("unknown parameter %q", name)
		}
	}
	start, err := parseTime(values, "start")
	if err != nil {
		return nil, err
	}
	end, err := parseTime(values, "end")
	if err != nil {
		return nil, err
	}
	return a.o.Trials.Run(r.Context(), yaml, start, end)
}
