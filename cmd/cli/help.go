package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stevedore-oci/stevedore/core"
)

// helpWidth is how wide help is, in columns.
const helpWidth = 80

// valueKey is the annotation of a flag with the words that it may be.
const valueKey = "stevedore_value"

// about is what help says besides the summary.
var about = map[string]string{
	"layers": "Say what each layer adds, changes and hides.\n\nA line for each layer: its digest, its size as it is stored, then how many files and " +
		"bytes it adds (+), changes (~) and hides (-), and the step that made it.",
}

// arguments are the annotations with what positional arguments are; a number keeps their order.
func arguments(fields []Field) map[string]string {
	out := map[string]string{}
	for _, f := range fields {
		if f.Arg != "" {
			out[fmt.Sprint(len(out))+f.Arg] = f.Help
		}
	}
	return out
}

// flagWords say what a flag takes where its type does not.
var flagWords = map[string]string{
	"after": "NAME", "allow-registry": "HOST", "authfile": "FILE", "ca-file": "FILE", "cert-file": "FILE", "create-repository": "PROGRAM", "creds": "USER:PASSWORD",
	"events": "json", "file": "FILE", "image": "GLOB", "key-file": "FILE", "listen": "ADDRESS", "media-type": "TYPE", "name": "NAME",
	"output": "FILE", "platform": "OS/ARCH", "plain-http": "true|false", "shard": "I/N", "since": "ARCHIVE", "to": "REGISTRY", "username": "USER",
	"writable": "FOLDER",
}

// takes is what a flag takes, as help shows it.
func takes(f *pflag.Flag) string {
	if v := f.Annotations[valueKey]; len(v) > 0 {
		return v[0]
	}
	name := strings.TrimPrefix(strings.TrimPrefix(f.Name, "src-"), "dest-")
	if w := flagWords[name]; w != "" {
		return w
	}
	switch f.Value.Type() {
	case "bool":
		return ""
	case "int", "int64":
		return "N"
	case "bytes":
		return "BYTES"
	}
	return "TEXT"
}

// help prints what a command is for, how it is called, examples and flags. Flags that every command has are explained once, in
// the help of the program.
func help(cmd *cobra.Command, _ []string) {
	h := helper{cmd.OutOrStdout()}
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	h.paragraph(text)
	h.usage(cmd)
	if len(cmd.Annotations) > 0 {
		fmt.Fprintf(h.w, "\nArguments:\n")
		for _, name := range slices.Sorted(maps.Keys(cmd.Annotations)) {
			h.entry("  "+name[1:], 16, cmd.Annotations[name])
		}
	}
	if cmd.Example != "" {
		fmt.Fprintf(h.w, "\nExamples:\n%s\n", cmd.Example)
	}
	h.commands(cmd)
	if !cmd.HasParent() {
		h.flags("Flags of every command", cmd.PersistentFlags(), func(f *pflag.Flag) bool { return !registryFlag(f.Name) })
		h.flags("Flags for registries", cmd.PersistentFlags(), func(f *pflag.Flag) bool { return registryFlag(f.Name) })
		fmt.Fprintf(h.w, "\n%s COMMAND --help tells more about a command.\n", cmd.Name())
		return
	}
	h.flags("Flags", cmd.LocalNonPersistentFlags(), func(f *pflag.Flag) bool { return f.Name != "help" })
	var others []string
	cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			others = append(others, "--"+f.Name)
		}
	})
	if len(others) > 0 {
		fmt.Fprintln(h.w)
		h.paragraph("Flags of every command, which " + cmd.Root().Name() + " --help explains: " + strings.Join(others, ", "))
	}
}

// helpCommand is help as a command; cobra's own takes any word for a topic.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Tell about a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			of, left, err := cmd.Root().Find(args)
			if err != nil {
				return noSuch(cmd.Root(), args)
			}
			if err := noSuch(of, left); err != nil {
				return err
			}
			return of.Help()
		},
	}
}

func registryFlag(name string) bool {
	return slices.Contains([]string{"authfile", "ca-file", "cert-file", "creds", "insecure-skip-tls-verify", "key-file", "no-registries-conf", "plain-http"}, name)
}

type helper struct{ w io.Writer }

func (h helper) usage(cmd *cobra.Command) {
	fmt.Fprintf(h.w, "\nUsage:\n")
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(h.w, "  %s COMMAND [FLAGS]\n", cmd.CommandPath())
		return
	}
	path := strings.TrimSuffix(cmd.CommandPath(), cmd.Name())
	for way := range strings.SplitSeq(cmd.Use, " | ") {
		line := path + strings.TrimSuffix(way, " [flags]")
		if own := cmd.LocalNonPersistentFlags(); !onlyHelp(own) {
			line += " [FLAGS]"
		}
		fmt.Fprintf(h.w, "  %s\n", line)
	}
}

func onlyHelp(set *pflag.FlagSet) bool {
	only := true
	set.VisitAll(func(f *pflag.Flag) { only = only && (f.Hidden || f.Name == "help") })
	return only
}

// commands lists subcommands: verbs in the order of their list, then what only this program has.
func (h helper) commands(cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	place := func(c *cobra.Command) int {
		i := slices.IndexFunc(core.Verbs(), func(v core.Verb) bool { return v.Name == c.Name() || strings.HasPrefix(v.Name, c.Name()+"-") })
		if i < 0 {
			return len(core.Verbs())
		}
		return i
	}
	list := slices.Clone(cmd.Commands())
	slices.SortStableFunc(list, func(a, b *cobra.Command) int { return place(a) - place(b) })
	fmt.Fprintf(h.w, "\nCommands:\n")
	for _, c := range list {
		if c.IsAvailableCommand() || c.Name() == "help" {
			h.entry("  "+c.Name(), 14, c.Short)
		}
	}
}

// flags lists the flags that pass.
func (h helper) flags(title string, set *pflag.FlagSet, pass func(*pflag.Flag) bool) {
	var names, texts []string
	wide := 0
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || !pass(f) {
			return
		}
		name := "      --" + f.Name
		if f.Shorthand != "" {
			name = "  -" + f.Shorthand + ", --" + f.Name
		}
		switch what := takes(f); {
		case what != "" && f.NoOptDefVal != "" && f.Value.Type() != "bool":
			name += "[=" + what + "]"
		case what != "":
			name += " " + what
		}
		text := f.Usage
		if !slices.Contains([]string{"", "0", "false", "[]"}, f.DefValue) {
			text += " (default " + f.DefValue + ")"
		}
		names, texts = append(names, name), append(texts, text)
		if len(name) <= 32 {
			wide = max(wide, len(name))
		}
	})
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(h.w, "\n%s:\n", title)
	for i, name := range names {
		h.entry(name, wide+2, texts[i])
	}
}

// entry prints a name and, from a column on, a text in as many lines as it needs.
func (h helper) entry(name string, column int, text string) {
	lines := wrap(text, helpWidth-column)
	if len(name)+2 > column {
		fmt.Fprintln(h.w, name)
		name = ""
	}
	for _, l := range lines {
		fmt.Fprintf(h.w, "%-*s%s\n", column, name, l)
		name = ""
	}
}

func (h helper) paragraph(text string) {
	for i, part := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			fmt.Fprintln(h.w)
		}
		lines := wrap(part, helpWidth)
		if strings.HasPrefix(part, "\t") || strings.Contains(part, "\n\t") {
			lines = []string{part} // commands to type
		}
		for _, l := range lines {
			fmt.Fprintln(h.w, l)
		}
	}
}

// wrap breaks a text between words into lines of so many characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
