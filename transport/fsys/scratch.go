package fsys

// Scratch gives temporary space to who needs it, the same each time, so that it has to be made for nobody else. It returns nil where
// there is none, as a nil Scratch does.
type Scratch func() WritableDir

// Fixed is space that is there already.
func Fixed(d WritableDir) Scratch { return func() WritableDir { return d } }

// Dir is the space, or nil.
func (s Scratch) Dir() WritableDir {
	if s == nil {
		return nil
	}
	return s()
}
