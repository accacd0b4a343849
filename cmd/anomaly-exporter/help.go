package main

import (
	"regexp"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/anomaly-exporter/anomaly-exporter/config/suggest"
)

// usageTemplate returns the template of help texts. Without a command, all commands are shown with their flags, since
// those of run can be given without its name. The help of a command shows its own flags only.
func usageTemplate() string {
	const command = `{{with .Context.SelectedCommand -}}
usage: {{$.App.Name}} {{.}}{{if .FlagSummary}} {{.FlagSummary}}{{end -}}
{{range .Args}} <{{.Name}}>{{if .Value|IsCumulative}}...{{end}}{{end}}

{{.Help|Wrap 0}}
Flags:
{{.Flags|FlagsToTwoColumns|FormatTwoColumns}}
{{if .Args -}}
Args:
{{.Args|ArgsToTwoColumns|FormatTwoColumns}}
{{end -}}
"{{$.App.Name}} --help" shows what all commands have: how to log, and what a query may cost.
{{else -}}
`
	parts, all, _ := strings.Cut(kingpin.LongHelpTemplate, "usage: ")
	return parts + command + "usage: " + all + "{{end -}}\n"
}

// completable returns arguments for which kingpin completes names of commands. Since there is a default command, it
// takes a name that is not yet complete for an argument of that.
func completable(args []string) []string {
	if len(args) == 2 && args[0] == "--completion-bash" && !strings.HasPrefix(args[1], "-") {
		return args[:1] // the shell filters all of them
	}
	return args
}

// The errors of kingpin about what it does not know, which have no types.
var (
	unknownFlag    = regexp.MustCompile(`^unknown long flag '(--[^']*)'$`)
	unknownCommand = regexp.MustCompile(`^unexpected (\S+)$`)
	unknownValue   = regexp.MustCompile(`^enum value must be one of (\S+), got '([^']*)'$`)
)

// refused returns the name of the flag whose value an error is about, with a colon; "": it is about none. Kingpin does
// not tell.
func refused(app *kingpin.Application, args []string, err error) string {
	parsed, _ := app.ParseContext(args)
	if parsed == nil {
		return ""
	}
	for _, e := range parsed.Elements {
		flag, ok := e.Clause.(*kingpin.FlagClause)
		if !ok || e.Value == nil {
			continue
		}
		if again := flag.Model().Value.Set(*e.Value); again != nil && again.Error() == err.Error() {
			return "--" + flag.Model().Name + ": "
		}
	}
	return ""
}

// meant suggests the command, the flag or the value that was meant; "" if there is none.
func meant(app *kingpin.Application, args []string, err error) string {
	text := err.Error()
	if found := unknownValue.FindStringSubmatch(text); found != nil {
		return suggest.DidYouMean(found[2], strings.Split(found[1], ","))
	}
	model := app.Model()
	var known []string
	if found := unknownCommand.FindStringSubmatch(text); found != nil {
		for _, c := range model.Commands {
			known = append(known, c.Name)
		}
		return suggest.DidYouMean(found[1], known)
	}
	found := unknownFlag.FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	add := func(flags []*kingpin.FlagModel) {
		for _, f := range flags {
			if !f.Hidden {
				known = append(known, "--"+f.Name)
			}
		}
	}
	add(model.Flags)
	if parsed, _ := app.ParseContext(args); parsed != nil && parsed.SelectedCommand != nil {
		add(parsed.SelectedCommand.Model().Flags)
	}
	return suggest.DidYouMean(found[1], known)
}
