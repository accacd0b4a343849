// Command generate writes the Grafana dashboards of this folder's parent: run "make dashboards". It is a module of its
// own, for Grafana's SDK.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// pages are all dashboards there are, by file name.
func pages() map[string]*page {
	return map[string]*page{
		"anomalies.json":            anomalies(),
		"forecast-and-scaling.json": forecastAndScaling(),
		"quality.json":              quality(),
		"exporter.json":             exporter(),
	}
}

func write(folder string) error {
	for name, p := range pages() {
		b, err := p.render()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// unescape undoes what the types of the SDK do to queries, which are full of < and >.
var unescape = map[string]string{`\u003c`: "<", `\u003e`: ">", `\u0026`: "&"}

func (p *page) render() ([]byte, error) {
	d, err := p.build()
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, err
	}
	for from, to := range unescape {
		b = bytes.ReplaceAll(b, []byte(from), []byte(to))
	}
	return append(b, '\n'), nil
}
