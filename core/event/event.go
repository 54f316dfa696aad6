// Package event is what a verb reports while it runs. Events observe and never steer: a verb gives the same result
// whether anybody listens or not.
package event

// Kind is the class of an event.
type Kind string

const (
	// Started: work on Subject begins; Total is its size in bytes and Message what it is, where known: layer, config, blob, or
	// [Image] for all that is copied of one reference.
	Started Kind = "started"
	// Progress: Done of Total bytes of Subject have been read. At most some ten a second come for one subject.
	Progress Kind = "progress"
	// Finished: work on Subject ended well; Message says how a blob came to be there: stored, existed, mounted or linked.
	Finished Kind = "finished"
	// Warning: something is off that does not stop the verb; Message says what.
	Warning Kind = "warning"
	// Retry: a request is sent again; Message says why.
	Retry Kind = "retry"
	// Mirror: Subject is read from the place that Message names, which is one of several.
	Mirror Kind = "mirror"
)

// Image is the Message that an image or index with all its blobs has.
const Image = "image"

// Event is one report.
type Event struct {
	Kind    Kind   `json:"kind"`
	Subject string `json:"subject,omitempty"` // a digest or a reference
	Done    int64  `json:"done,omitempty"`    // bytes
	Total   int64  `json:"total,omitempty"`   // bytes; 0 where not known
	Message string `json:"message,omitempty"`
}
