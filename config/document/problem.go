package document

import (
	"errors"
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a file.
type Problem struct {
	File    string
	Line    int
	Text    string // what is wrong, in one line
	Excerpt string // the line and a caret below the place; "" if there is none, or if it might show a secret
}

// Error returns the problem in one line, as file:line: text.
func (p *Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text) }

// Problems returns the problems of which an error is made.
func Problems(err error) []*Problem {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var problems []*Problem
		for _, err := range all.Unwrap() {
			problems = append(problems, Problems(err)...)
		}
		return problems
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		return []*Problem{p}
	}
	return nil
}

// Explain returns an error for a terminal: the excerpt of each problem comes below it. Any other error stays as it is.
func Explain(err error) string {
	problems := Problems(err)
	if len(problems) == 0 {
		return err.Error()
	}
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.Error())
		if p.Excerpt != "" {
			lines = append(lines, p.Excerpt)
		}
	}
	return strings.Join(lines, "\n")
}

// Err returns the problems of several documents as one error, nil if there are none.
func Err(docs []*Document) error {
	var errs []error
	for _, d := range docs {
		errs = append(errs, d.Err())
	}
	return errors.Join(errs...)
}
