package registry_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// FuzzTagPage: a page gives the tags that a decoder of the whole finds, or an error that has a kind.
func FuzzTagPage(f *testing.F) {
	for _, s := range []string{
		`{"name":"a","tags":["a","b"]}`, `{"tags":null}`, `{}`, `{"x":{"tags":["no"]},"tags":["y"]}`, `{"tags":[1]}`, `{"tags":["a"`, `[]`, `{"tags":["a"],"tags":["b"]}`,
		`{"tags":["\ud800"]}`, `{"tags":{}}`, "", "<html>", `{"tAgs":["0"]}`, `{"tags":[]}x`, "\ufeff{}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, page string) {
		got, err := tagsOf(t, newRig(t, "r.example/a", always(200, page), nil), "", 0)
		for _, tag := range got {
			require.True(t, ref.ValidTag(tag), tag)
		}
		if err != nil {
			require.Contains(t, []errs.Kind{errs.Input, errs.Unsupported}, errs.Of(err), "%v", err)
			return
		}
		var fields map[string]json.RawMessage // a struct would take members in another case as well
		require.NoError(t, json.Unmarshal([]byte(page), &fields))
		if strings.Count(page, "tags") == 1 && !strings.Contains(page, `\u`) { // otherwise it is a matter of which one counts
			var whole []string
			if raw, ok := fields["tags"]; ok {
				require.NoError(t, json.Unmarshal(raw, &whole))
			}
			require.ElementsMatch(t, whole, got)
		}
	})
}
