package orchestrator

import (
	"fmt"
	"strings"
)

// maxWaiting is how many things an error lists.
const maxWaiting = 5

func (e *DrainError) Error() string {
	list := e.Waiting
	more := ""
	if len(list) > maxWaiting {
		more = fmt.Sprintf(" and %d more", len(list)-maxWaiting)
		list = list[:maxWaiting]
	}
	held := strings.Join(list, "; ") + more
	if e.Timeout == 0 {
		return fmt.Sprintf("%s cannot be emptied: %s", e.Member, held)
	}
	return fmt.Sprintf("%s was not empty after %s: %s", e.Member, e.Timeout, held)
}
