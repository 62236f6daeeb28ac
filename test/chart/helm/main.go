// Helm as its own module has it: the command that people use, not a stand-in for it.
package main

import (
	"log/slog"
	"os"

	helmcmd "helm.sh/helm/v4/pkg/cmd"
)

func main() {
	command, err := helmcmd.NewRootCmd(os.Stdout, os.Args[1:], helmcmd.SetupLogging)
	if err != nil {
		slog.Error("no command", slog.Any("error", err))
		os.Exit(1)
	}
	if err := command.Execute(); err != nil {
		if told, ok := err.(helmcmd.CommandError); ok {
			os.Exit(told.ExitCode)
		}
		os.Exit(1)
	}
}
