// Command accuracy measures detection and forecasts on folders of recorded series. It is not part of the program.
package main

import (
	"fmt"
	"os"
)

func main() {
	commands := map[string]func([]string) error{"anomaly": runAnomaly, "forecast": runForecast}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: accuracy anomaly|forecast [flags]")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "accuracy %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
