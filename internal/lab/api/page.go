package api

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

const maxIDs = 1000 // identifiers in one call

// listing is one call of a describe action.
type listing[T any] struct {
	table   *table[T]
	kind    idKind
	ids     []string
	filters []ec2.Filter
	set     filterSet[T]
	id      func(*T) string // for tag filters; nil: none
	max     *int64
	maxMin  int64 // smallest MaxResults; 0: 5
	maxMax  int64 // largest MaxResults; 0: 1000
	token   string
	exclude bool // ids and MaxResults exclude one another
}

// list gives one page of a describe action, and the token of the next page.
func list[T any](s *Server, l listing[T]) ([]*T, string, error) {
	if len(l.ids) > maxIDs {
		return nil, "", fail("InvalidParameterValue", "The maximum number of identifiers in one call is %d", maxIDs)
	}
	m, err := compile(s, l.filters, l.set, l.id)
	if err != nil {
		return nil, "", err
	}
	limit, after, bound, err := l.page()
	if err != nil {
		return nil, "", err
	}
	out := []*T{}
	if len(l.ids) > 0 {
		found := make(map[string]bool, len(l.ids))
		for _, id := range l.ids {
			v, err := find(l.table, l.kind, id)
			if err != nil {
				return nil, "", err
			}
			if !found[id] && m.match(v) {
				out = append(out, v)
			}
			found[id] = true
		}
		return out, "", nil
	}
	last := after
	for seq, v := range l.table.after(after) {
		if !m.match(v) {
			continue
		}
		if len(out) == limit {
			return out, pageToken(last, bound), nil
		}
		out = append(out, v)
		last = seq
	}
	return out, "", nil
}

// page checks MaxResults and NextToken. A token is bound to the filters it was given for.
func (l *listing[T]) page() (limit int, after uint64, bound string, err error) {
	low, high := l.maxMin, l.maxMax
	if low == 0 {
		low = 5
	}
	if high == 0 {
		high = 1000
	}
	limit = 1 << 30
	if l.max != nil {
		if l.exclude && len(l.ids) > 0 {
			return 0, 0, "", fail("InvalidParameterCombination", "The parameter %s cannot be used with the parameter maxResults", strings.Fields(l.kind.what)[0]+"Ids")
		}
		if *l.max < low || *l.max > high {
			return 0, 0, "", fail("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid. Expecting a value between %d and %d.", *l.max, low, high)
		}
		limit = int(*l.max)
	}
	bound = filterHash(l.kind.prefix, l.filters)
	if l.token != "" {
		if len(l.ids) > 0 {
			return 0, 0, "", fail("InvalidParameterCombination", "The parameter nextToken cannot be used with identifiers")
		}
		if after, err = parsePageToken(l.token, bound); err != nil {
			return 0, 0, "", err
		}
	}
	return limit, after, bound, nil
}

func filterHash(kind string, filters []ec2.Filter) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00", kind)
	for _, f := range filters {
		fmt.Fprintf(h, "%s\x00%q\x00", f.Name, f.Values)
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

func pageToken(after uint64, bound string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("1." + strconv.FormatUint(after, 36) + "." + bound))
}

func parsePageToken(token, bound string) (uint64, error) {
	bad := fail("InvalidNextToken", "The token '%.80s' is invalid", token)
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, bad
	}
	parts := strings.Split(string(raw), ".")
	if len(parts) != 3 || parts[0] != "1" || parts[2] != bound {
		return 0, bad
	}
	after, err := strconv.ParseUint(parts[1], 36, 64)
	if err != nil {
		return 0, bad
	}
	return after, nil
}
