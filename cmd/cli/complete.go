package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// transports are what a reference may begin with.
var transports = []string{
	"docker://\ta registry, as a bare name is", "oci:\ta layout in a folder", "oci-archive:\ta layout in a tar file",
	"docker-archive:\twhat docker save writes", "dir:\ta folder of blobs", "static:\ta folder that a web server shows as a registry",
}

// references completes arguments that are references: how one begins. What comes after that is a path or a name, which the
// shell cannot complete behind a colon. Other arguments are left to the shell.
func references(fields []Field) cobra.CompletionFunc {
	var args []string
	for _, f := range fields {
		if f.Arg != "" {
			args = append(args, strings.Trim(f.Arg, "[]."))
		}
	}
	return func(_ *cobra.Command, before []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if !slices.Contains([]string{"REF", "SRC", "DST", "REPOSITORY"}, args[min(len(before), len(args)-1)]) {
			return nil, cobra.ShellCompDirectiveDefault
		}
		var out []string
		for _, t := range transports {
			if strings.HasPrefix(t, typed) {
				out = append(out, t)
			}
		}
		return out, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	}
}

// values completes a flag that takes one of a few words.
func values(cmd *cobra.Command, flag string, words ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // fails only for what is registered already
}
