package host

import (
	"fmt"
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

const i32, i64 = api.ValueTypeI32, api.ValueTypeI64

// exports are what a reactor has (docs/ABI.md, The module).
var exports = []struct {
	name            string
	params, results []api.ValueType
}{
	{"_initialize", nil, nil},
	{"stevedore_abi", nil, []api.ValueType{i32}},
	{"alloc", []api.ValueType{i32}, []api.ValueType{i32}},
	{"push", []api.ValueType{i32, i32}, nil},
	{"step", nil, []api.ValueType{i32}},
	{"pull", nil, []api.ValueType{i64}},
}

// checkModule says whether a module is a reactor, before any of it runs.
func checkModule(m wazero.CompiledModule) error {
	for _, f := range m.ImportedFunctions() {
		if from, name, _ := f.Import(); from != wasi_snapshot_preview1.ModuleName {
			return fmt.Errorf("is no Stevedore reactor: it imports %s.%s", from, name)
		}
	}
	for _, e := range exports {
		f := m.ExportedFunctions()[e.name]
		switch {
		case f == nil:
			return fmt.Errorf("is no Stevedore reactor: it does not export %s", e.name)
		case !slices.Equal(f.ParamTypes(), e.params) || !slices.Equal(f.ResultTypes(), e.results):
			return fmt.Errorf("is no Stevedore reactor: its %s takes or returns something else", e.name)
		}
	}
	if m.ExportedMemories()["memory"] == nil {
		return fmt.Errorf("is no Stevedore reactor: it does not export its memory")
	}
	return nil
}
