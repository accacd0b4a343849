package place

import (
	"regexp"
	"strings"
)

// disabling is like a comment of pint. What follows the name of the check is for people.
var disabling = regexp.MustCompile(`#\s*check-config\s+(file/)?disable\s+([^\s,;:]+)`)

// comment disables a check for the entry of a list that it is in or right above, or for the whole file.
type comment struct {
	line  int
	check string
	whole bool
}

// comments are those of a file that disable checks.
type comments struct {
	lines  []string
	all    []comment
	begins []int // lines with which entries of lists begin, with the comments above them, and keys of the file
}

func newComments(content []byte) *comments {
	c := &comments{lines: strings.Split(string(content), "\n")}
	for i, line := range c.lines {
		if found := disabling.FindStringSubmatch(line); found != nil {
			c.all = append(c.all, comment{i + 1, found[2], found[1] != ""})
		}
		if line != "" && !strings.ContainsAny(line[:1], " \t\r#-]}") {
			c.begins = append(c.begins, i+1)
		}
	}
	return c
}

// begin returns the line with which an entry begins, with the comments right above it.
func (c *comments) begin(line int) int {
	for ; line > 1; line-- {
		if above := strings.TrimSpace(c.lines[line-2]); !strings.HasPrefix(above, "#") && above != "-" {
			break
		}
	}
	return line
}

// disabled returns the checks that are disabled for the entry that begins in a line, once all entries are in begins.
func (c *comments) disabled(line int) map[string]bool {
	from, to := c.begin(line), len(c.lines)
	for _, begin := range c.begins {
		if begin > line {
			to = min(to, begin-1)
		}
	}
	all := map[string]bool{}
	for _, one := range c.all {
		if one.whole || from <= one.line && one.line <= to {
			all[one.check] = true
		}
	}
	return all
}

// Disabling calls f with each comment that disables a check, whether there is such a check or not.
func (l Lines) Disabling(f func(check string, at Place)) {
	for file, said := range l.comments {
		for _, one := range said.all {
			f(one.check, Place{File: file, Line: one.line})
		}
	}
}
