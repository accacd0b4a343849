// Package files reads all files of a configuration at once, so that what is checked, hashed and put in force are the
// same bytes.
package files

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// File is a file and what was in it.
type File struct {
	Name    string
	Content []byte
}

// Set is a configuration file with the files that its patterns match, as they were when Read read them.
type Set struct {
	File
	matches []match // none if the set was not read from disk
}

// match is what a pattern matches.
type match struct {
	pattern string
	files   []File
	err     error
}

// Read reads the file at path, and the files that its detector_files match. The error is that of the file itself; those
// of the others are returned by Match.
func Read(path string) (*Set, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w; \"anomaly-exporter init\" writes a first configuration", err)
	}
	if err != nil {
		return nil, err
	}
	s := &Set{File: File{path, content}}
	var named struct {
		DetectorFiles []string `yaml:"detector_files"`
	}
	_ = yaml.Unmarshal(content, &named) // what is wrong with the file is reported by who loads it
	for _, pattern := range named.DetectorFiles {
		found, err := read(filepath.Dir(path), pattern)
		s.matches = append(s.matches, match{pattern, found, err})
	}
	return s, nil
}

// legalPattern matches what Prometheus accepts in rule_files.
var legalPattern = regexp.MustCompile(`^[^*]*(\*[^/]*)?$`)

// read returns the files that a pattern matches, sorted by name. A pattern that is relative begins at dir.
func read(dir, pattern string) ([]File, error) {
	if !legalPattern.MatchString(pattern) {
		return nil, errors.New("* may only be in the last part of a path")
	}
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(dir, pattern)
	}
	names, err := filepath.Glob(pattern)
	if err != nil {
		return nil, errors.New("not a pattern of files, such as detectors.d/*.yml")
	}
	if len(names) == 0 && !strings.ContainsAny(pattern, `*?[`) {
		names = []string{pattern} // whose error says that there is none
	}
	var found []File
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		found = append(found, File{name, content})
	}
	return found, nil
}

// Match returns the files that a pattern of the configuration matches, sorted by name; none is not an error.
func (s *Set) Match(pattern string) ([]File, error) {
	i := slices.IndexFunc(s.matches, func(m match) bool { return m.pattern == pattern })
	if i < 0 {
		return nil, errors.New("no other files are read here")
	}
	return s.matches[i].files, s.matches[i].err
}

// Hash returns a hash of the content of all files. It tells whether anything has changed since another Read. How the
// files are called has no part in it, so exporters with the same configuration have the same hash.
func (s *Set) Hash() [sha256.Size]byte {
	h := sha256.New()
	add := func(b []byte) {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b)))) // which never fails
		_, _ = h.Write(b)
	}
	add(s.Content)
	for _, m := range s.matches {
		for _, f := range m.files {
			add(f.Content)
		}
		if m.err != nil {
			add([]byte("unreadable"))
		}
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return sum
}
