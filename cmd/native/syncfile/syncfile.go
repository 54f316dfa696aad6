// Package syncfile reads the files by which other tools mirror images, regsync's and skopeo's, as jobs of sync. Only people write
// YAML, and it is 0.3 MB of a module: so it is the native shell's, and a program that calls the verb has the jobs as values.
package syncfile

import (
	"context"

	"github.com/stevedore-oci/stevedore/core"
)

// Read reads the YAML of a file called name. to is where jobs go whose file names no destination, as skopeo's do not; "" for
// nowhere. What a file has that would change what is copied, and is not known here, is an error: input for what is wrong,
// unsupported for what is not done here. What changes nothing is a warning to env.Event.
func Read(ctx context.Context, env *core.Env, name string, text []byte, to string) ([]core.SyncJob, error) {
	if isRegsync(text) {
		return readRegsync(ctx, env, name, text)
	}
	return readSkopeo(name, text, to)
}
