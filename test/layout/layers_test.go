// Package layout_test holds the layout of the repository: which package may import which, how large packages may be,
// and that the pages describe what is there.
package layout_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/anomaly-exporter/anomaly-exporter"

// Groups of folders that several rows of the table may import.
var (
	base      = []string{"config", "calendar"}
	leaves    = []string{"replicas", "scorer", "forecaster", "history"}
	results   = []string{"detector/result", "detector/feedback", "detector/join"}
	data      = []string{"detector/dataset", "detector/schedule"}
	pipelines = []string{"detector/anomaly", "detector/scaling", "detector/alerting"}
	engine    = slices.Concat([]string{"detector"}, pipelines, data, results, leaves)
	all       = slices.Concat([]string{"web", "collector", "backtest", "remoteread", "verdict"}, engine, base)
	// What reads results never sees the engine that computes them: cmd hands it over.
	readers = []string{"detector/result", "detector/feedback", "history", "scorer", "replicas", "config"}
)

// kind says what else the code of a folder may do.
type kind int

const (
	free    kind = iota
	noClock      // time is passed in
	pure         // numbers in, numbers out: only the standard library and gonum, no clock, goroutine, network or file
)

// row is a folder and what its packages may import of ours. Sub-folders without a row of their own belong to the row of
// the folder they lie in; packages of one row may import each other.
type row struct {
	layer   int
	folder  string
	imports []string
	kind    kind
}

// layers is the layout from the top down. A package imports only packages of lower layers, and of those only what its
// row names. .golangci.yml says the same for editors; TestDepguard_AgreesWithTheLayers compares the two.
var layers = []row{
	{9, "cmd/anomaly-exporter", all, free},
	{8, "web", slices.Concat([]string{"backtest", "verdict"}, readers), free},
	{8, "collector", readers, free},
	{7, "backtest", readers, free},
	// The engine sees a storage.Queryable and no remote-read client.
	{7, "detector", slices.Concat(pipelines, data, results, leaves, base, []string{"verdict"}), free},
	{6, "detector/anomaly", slices.Concat(data, results, leaves, base), free},
	{6, "detector/scaling", slices.Concat(data, results, leaves, base), free},
	{6, "detector/alerting", slices.Concat(data, results, leaves, base, []string{"verdict"}), noClock},
	{5, "detector/dataset", slices.Concat(results, leaves, base), noClock},
	{5, "detector/schedule", slices.Concat(results, leaves, base), noClock},
	{4, "detector/result", slices.Concat([]string{"detector/feedback", "detector/join"}, leaves, base), noClock},
	{3, "detector/feedback", slices.Concat([]string{"detector/join"}, leaves, base), noClock},
	{2, "detector/join", slices.Concat(leaves, base), noClock},
	// Leaves import nothing of ours but the calendar, not even config: they take plain values, and detector translates.
	{1, "replicas", []string{"calendar"}, pure},
	{1, "scorer", []string{"calendar"}, pure},
	{1, "forecaster", []string{"calendar"}, pure},
	{1, "history", []string{"calendar"}, pure},
	{1, "remoteread", []string{"calendar"}, free},
	{1, "verdict", nil, free},
	{0, "calendar", nil, pure},
	{0, "config", nil, noClock},
}

// outside are the folders that are no part of the program: they may import what they like, and only tests and their own
// kind import them.
var outside = []string{"test", "examples", "rules", "dashboards"}

// embedded is the one package outside that cmd may import: it holds files and no code.
const embedded = "examples"

// notInProduction are imports that no package of the program may reach, however indirectly.
var notInProduction = []string{
	"github.com/prometheus/prometheus/storage/remote", // some 80 modules more
	"github.com/stretchr/testify",
	module + "/test",
	module + "/examples",
}

type goPackage struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

// folder is the package's folder in the repository.
func (p goPackage) folder() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func TestPackages_ImportOnlyLowerLayers(t *testing.T) {
	t.Parallel()
	var wrong []string
	for _, p := range list(t, "./...") {
		if under(p.folder(), outside...) {
			continue
		}
		r, ok := find(p.folder())
		if !ok {
			wrong = append(wrong, p.ImportPath+" is on no layer: add it to the table")
			continue
		}
		for _, imported := range p.Imports {
			if folder, ours := strings.CutPrefix(imported, module+"/"); ours && !mayImport(r, folder) {
				wrong = append(wrong, p.folder()+" imports "+folder)
			}
		}
	}
	require.Empty(t, wrong)
}

func TestPackages_AreAsPureAsTheirLayerAsks(t *testing.T) {
	t.Parallel()
	var wrong []string
	checked := 0
	for _, p := range list(t, "./...") {
		r, ok := find(p.folder())
		if !ok || r.kind == free {
			continue
		}
		for _, imported := range p.Imports {
			if r.kind == pure && sideEffect(imported) {
				wrong = append(wrong, p.folder()+" imports "+imported)
			}
		}
		for _, file := range p.GoFiles {
			checked++
			found, err := forbidden(filepath.Join(p.Dir, file), r.kind)
			require.NoError(t, err)
			wrong = append(wrong, found...)
		}
	}
	require.Empty(t, wrong)
	require.Greater(t, checked, 50, "files")
}

func TestProgram_ReachesNoTestOrHeavyPackage(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./cmd/...") {
		if p.folder() == "cmd/anomaly-exporter" {
			require.Greater(t, len(p.Deps), 100, "what the program needs is listed")
		}
		for _, dep := range p.Deps {
			if dep == module+"/"+embedded {
				continue
			}
			require.False(t, under(dep, notInProduction...), "%s depends on %s", p.ImportPath, dep)
		}
	}
}

// The table itself: layers from the top down, each folder there and on one layer, and nobody may import upwards.
func TestLayers_AllowNoImportUpwards(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for i, r := range layers {
		require.False(t, seen[r.folder], r.folder)
		seen[r.folder] = true
		require.DirExists(t, filepath.Join(root(t), r.folder))
		if i > 0 {
			require.LessOrEqual(t, r.layer, layers[i-1].layer, r.folder)
		}
		for _, imported := range r.imports {
			below, ok := find(imported)
			require.True(t, ok && below.folder == imported, "%s has no row", imported)
			require.Less(t, below.layer, r.layer, "%s imports %s", r.folder, imported)
		}
	}
}

// find returns the row of a folder: the row of the folder itself, else of the nearest one that it lies in.
func find(folder string) (row, bool) {
	best, ok := row{}, false
	for _, r := range layers {
		if under(folder, r.folder) && len(r.folder) >= len(best.folder) {
			best, ok = r, true
		}
	}
	return best, ok
}

// mayImport tells whether packages of a row may import a folder of ours.
func mayImport(r row, folder string) bool {
	if folder == embedded {
		return r.folder == "cmd/anomaly-exporter"
	}
	below, ok := find(folder)
	return ok && (below.folder == r.folder || slices.Contains(r.imports, below.folder))
}

// under tells whether path is one of the folders or lies in one.
func under(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}

// sideEffect tells whether an import is one that pure code has no use for.
func sideEffect(imported string) bool {
	host, _, _ := strings.Cut(imported, "/")
	if strings.Contains(host, ".") {
		return !under(imported, "gonum.org/v1/gonum", module)
	}
	return under(imported, "os", "net", "log", "syscall", "runtime", "math/rand") && imported != "math/rand/v2"
}

// forbidden returns where a file does what its kind may not do: read the clock or, if it is to be pure, start a
// goroutine.
func forbidden(file string, k kind) ([]string, error) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found []string
	clock := []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Sleep"}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if k == pure {
				found = append(found, fmt.Sprintf("%s: starts a goroutine", set.Position(n.Pos())))
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, n.Sel.Name) {
				found = append(found, fmt.Sprintf("%s: time.%s: time is passed in", set.Position(n.Pos()), n.Sel.Name))
			}
		}
		return true
	})
	return found, nil
}

// list returns the packages of this module that match a pattern.
func list(t *testing.T, pattern string) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports,Deps", pattern)
	cmd.Dir = root(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())

	var packages []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
	require.NotEmpty(t, packages, "go list "+pattern)
	return packages
}

// root is the folder of the module.
func root(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-json=Dir").Output()
	require.NoError(t, err)
	var m struct{ Dir string }
	require.NoError(t, json.Unmarshal(out, &m), strconv.Quote(string(out)))
	return m.Dir
}
