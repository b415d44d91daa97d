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
	return fmt.Sprintf("%s was not empty after %s: %s%s", e.Member, e.Timeout, strings.Join(list, "; "), more)
}
