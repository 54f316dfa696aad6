package main

import "context"

var filesGroup = group{
	name:  "files",
	title: "The files of an image in a registry",
	intro: "An image of about 125 MB (compressed) in a registry on the loopback, listed by path. crane has no such verb: it exports the merged file " +
		"system as a tar, which tar lists; umoci and skopeo would have to write the image to a disk first.",
	limits: "decompression and SHA-256, one layer after the other, since a layer can hide what is below it. The listing reads headers and skips content, " +
		"where an export has to copy it.",
	tables: func(ctx context.Context, e *env) ([]table, error) {
		dir, tag, err := e.layoutOf("debian-app", "amd64", 125)
		if err != nil {
			return nil, err
		}
		host, err := e.registry(ctx, dir)
		if err != nil {
			return nil, err
		}
		ref := host + "/app:" + tag
		tables := []table{{title: "every path of the image", contenders: []contender{
			{name: "stevedore files", run: process(e.temp, e.bin("stevedore"), "files", "--quiet", ref)},
			{name: "crane export \\| tar t", run: shell(e.temp, "crane export "+ref+" - | tar t")},
		}}, {title: "with mode, owner, size and time", contenders: []contender{
			{name: "stevedore files --long", run: process(e.temp, e.bin("stevedore"), "files", "--quiet", "--long", ref)},
			{name: "crane export \\| tar tv", run: shell(e.temp, "crane export "+ref+" - | tar tv")},
		}}}
		return tables, e.measure(ctx, tables)
	},
}
