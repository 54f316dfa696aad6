package core

import "context"

// Verbs is the one list of verbs, in the order help shows them. It is made anew at each call: what a program does not call is not
// linked into it.
func Verbs() []Verb { return withVersion(append(reading(), writing()...)) }

// ReadVerbs are those of Verbs that write no image, for a module that has to be small.
func ReadVerbs() []Verb { return withVersion(reading()) }

func reading() []Verb {
	return []Verb{
		Define("inspect", "Say what an image, index or artifact is", Inspect),
		Define("digest", "Tell the digest of an image or a file", Digest),
		DefineList("tags", "List the tags of a repository", Tags),
		DefineList("files", "List the files of an image, merged or layer by layer", Files),
		DefineList("layers", "Say what each layer adds, changes and hides", Layers),
		Define("cat", "Write one file of an image", Cat),
		Define("export", "Write the file system of an image, a folder of it or a layer as a tar archive", Export),
		DefineList("validate", "Read all of an image and check every digest, size and diff ID", Validate),
		DefineList("catalog", "List the repositories of a registry", Catalog),
		Define("manifest-get", "Write a manifest or index exactly as it is there", ManifestGet),
		Define("manifest-head", "Tell whether a manifest is there, and what it is", ManifestHead),
		Define("blob-get", "Write a blob", BlobGet),
		Define("blob-head", "Tell whether a blob is there, and its size", BlobHead),
	}
}

func writing() []Verb {
	return []Verb{
		Define("copy", "Copy an image, an index or an artifact from anywhere to anywhere", Copy),
		DefineList("sync", "Keep repositories in step: copy what changed, and say what was done", Sync),
		Define("bundle", "Put images, with all that refers to them, into one archive", Bundle),
		DefineList("load", "Bring the images of a bundle to a registry", Load),
		Define("tag", "Give a manifest more tags where it is", Tag),
		Define("delete", "Take a tag away, or delete a manifest", Delete),
		Define("clean", "Remove what copies left that broke off", Clean),
		Define("manifest-put", "Write a manifest or index from a file", ManifestPut),
		Define("blob-put", "Upload a file as a blob", BlobPut),
		Define("probe", "Find out what a registry can do", Probe),
	}
}

// withVersion adds the verb that tells which verbs there are.
func withVersion(list []Verb) []Verb {
	names := make([]string, 0, len(list)+1)
	for _, v := range list {
		names = append(names, v.Name)
	}
	names = append(names, "version")
	return append(list, Define("version", "Tell which build this is and what it can do", func(ctx context.Context, _ *Env, _ VersionIn) (VersionOut, error) {
		return version(ctx, names)
	}))
}
