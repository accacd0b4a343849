// Command generate writes the Grafana dashboards of this folder's parent. Run it there: go generate ./dashboards/...
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

//go:generate go run . ..

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

// dashboards are all there are, by file name.
func dashboards() map[string]*dashboard {
	return map[string]*dashboard{
		"anomalies.json":            anomalies(),
		"forecast-and-scaling.json": forecastAndScaling(),
		"quality.json":              quality(),
		"exporter.json":             exporter(),
	}
}

func write(folder string) error {
	for name, d := range dashboards() {
		b, err := d.render()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (d *dashboard) render() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // queries are full of < and >
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
