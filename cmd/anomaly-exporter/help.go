package main

import (
	"strings"

	"github.com/alecthomas/kingpin/v2"
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
