// Package house_test holds the layout of the repository: who may import whom.
package house_test

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

// rule says what the packages of a folder may import.
type rule struct {
	ours []string // folders of ours
	pure bool     // numbers in, numbers out: beyond ours only the standard library and gonum, and no clock, network or files
}

// floors is the house from the roof down. A package may only import packages that stand below its own; the leaves import nothing of ours,
// and the detector sees no remote-read client but a storage.Queryable.
var floors = []struct {
	floor  int
	folder string
	rule   rule
}{
	{5, "cmd/anomaly-exporter", rule{ours: []string{"web", "collector", "backtest", "detector", "remoteread", "config"}}},
	{4, "web", rule{ours: []string{"detector", "config"}}},
	{4, "collector", rule{ours: []string{"detector", "config"}}},
	{4, "backtest", rule{ours: []string{"detector", "config"}}},
	{3, "detector", rule{ours: []string{"replicas", "scorer", "forecaster", "history", "config"}}},
	{2, "replicas", rule{pure: true}},
	{1, "scorer", rule{ours: []string{"calendar", "scorer/orderstat"}, pure: true}},
	{1, "forecaster", rule{ours: []string{"calendar"}, pure: true}},
	{1, "history", rule{pure: true}},
	{1, "remoteread", rule{}},
	{0, "scorer/orderstat", rule{pure: true}},
	{0, "calendar", rule{pure: true}},
	{0, "config", rule{}},
}

// outside are the folders that do not stand in the house: they may import what they like, and only their own kind imports them.
var outside = []string{"test", "examples", "rules", "dashboards"}

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

func TestFloors(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./...") {
		if under(p.folder(), outside...) {
			continue
		}
		floor, r, ok := find(p.folder())
		require.True(t, ok, "%s stands on no floor: add it to the table", p.ImportPath)
		for _, imported := range p.Imports {
			if folder, ours := strings.CutPrefix(imported, module+"/"); ours {
				below, _, ok := find(folder)
				require.True(t, ok && allowed(folder, p.folder(), r), "%s may not import %s", p.ImportPath, imported)
				require.True(t, below < floor || under(folder, p.folder()), "%s (floor %d) imports %s (floor %d)", p.ImportPath, floor, imported, below)
			} else if r.pure {
				require.NoError(t, pure(imported), p.ImportPath)
			}
		}
		if r.pure {
			for _, file := range p.GoFiles {
				require.NoError(t, noClock(filepath.Join(p.Dir, file)))
			}
		}
	}
}

func TestProductionImports(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./cmd/...") {
		for _, dep := range p.Deps {
			require.False(t, under(dep, notInProduction...), "%s depends on %s", p.ImportPath, dep)
		}
	}
}

// TestTable checks the table itself: floors from the top down, nobody allowed what stands on the same floor or above.
func TestTable(t *testing.T) {
	t.Parallel()
	for i, f := range floors {
		if i > 0 {
			require.LessOrEqual(t, f.floor, floors[i-1].floor, f.folder)
		}
		for _, ours := range f.rule.ours {
			below, _, ok := find(ours)
			require.True(t, ok, ours)
			require.Less(t, below, f.floor, "%s on %s", f.folder, ours)
		}
	}
}

// find returns the floor and the rule of a folder or of the one it lies in.
func find(folder string) (floor int, r rule, ok bool) {
	longest := -1
	for _, f := range floors {
		if under(folder, f.folder) && len(f.folder) > longest {
			floor, r, ok, longest = f.floor, f.rule, true, len(f.folder)
		}
	}
	return floor, r, ok
}

// allowed tells whether a package in from may import one of our folders: its own parts, and what its rule names.
func allowed(folder, from string, r rule) bool {
	return under(folder, from) || slices.ContainsFunc(r.ours, func(o string) bool { return under(folder, o) })
}

// under tells whether path is one of the folders or lies in one.
func under(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}

// pure refuses an import that code without side effects has no use for.
func pure(imported string) error {
	host, _, _ := strings.Cut(imported, "/")
	if strings.Contains(host, ".") && !strings.HasPrefix(imported, "gonum.org/v1/gonum/") {
		return fmt.Errorf("imports %s: only the standard library and gonum", imported)
	}
	if under(imported, "os", "net", "log", "syscall", "runtime", "math/rand") && imported != "math/rand/v2" {
		return fmt.Errorf("imports %s, which is a side effect", imported)
	}
	return nil
}

// noClock refuses a file that reads the clock or starts a goroutine.
func noClock(file string) error {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	var found error
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = fmt.Errorf("%s: starts a goroutine", set.Position(n.Pos()))
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "Tick", "Sleep"}, n.Sel.Name) {
				found = fmt.Errorf("%s: time.%s: time is passed in", set.Position(n.Pos()), n.Sel.Name)
			}
		}
		return found == nil
	})
	return found
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
