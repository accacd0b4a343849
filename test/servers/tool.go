package servers

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const rootModule = "module github.com/anomaly-exporter/anomaly-exporter"

// Tool returns the path of a server or tool that `make tools` built: prometheus, promtool or alertmanager.
// It finds the repository from the working directory upwards, past nested modules.
func Tool(name string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", fmt.Errorf("tool %s: %w", name, err)
	}
	path := filepath.Join(root, ".build", "tools", name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("tool %s: %w: run \"make tools\"", name, err)
	}
	return path, nil
}

// Root returns the root directory of the repository that contains the working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		is, err := isRoot(dir)
		if err != nil {
			return "", err
		}
		if is {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("the working directory is outside the repository")
		}
		dir = parent
	}
}

func isRoot(dir string) (bool, error) {
	f, err := os.Open(filepath.Join(dir, "go.mod"))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == rootModule {
			return true, nil
		}
	}
	return false, lines.Err()
}
