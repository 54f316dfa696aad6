package core

// Verbs is the one list of verbs, in the order help shows them.
var Verbs = verbs()

func verbs() []Verb {
	return []Verb{
		Define("inspect", "Say what an image, index or artifact is", Inspect),
		Define("digest", "Tell the digest of an image or a file", Digest),
		DefineList("tags", "List the tags of a repository", Tags),
		DefineList("files", "List the files of an image, merged or layer by layer", Files),
		DefineList("layers", "Say what each layer adds, changes and hides", Layers),
		Define("cat", "Write one file of an image", Cat),
		Define("export", "Write the file system of an image, a folder of it or a layer as a tar archive", Export),
		Define("copy", "Copy an image, an index or an artifact from anywhere to anywhere", Copy),
		DefineList("sync", "Keep repositories in step: copy what changed, and say what was done", Sync),
		Define("version", "Tell which build this is and what it can do", Version),
	}
}

func names() []string {
	out := make([]string, 0, len(verbs()))
	for _, v := range verbs() {
		out = append(out, v.Name)
	}
	return out
}
