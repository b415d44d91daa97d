package aws

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// tagSet is all tags of an object, the user's and ours.
type tagSet map[string]string

const ourPrefix = "clusterform:"

// ownTags are those of an object that is made now.
func ownTags(o *resource.Object, user resource.Tags, token string) tagSet {
	t := wantedTags(o, user)
	t[resource.TagToken] = token
	return t
}

// wantedTags are those that an object must have, however it was made.
func wantedTags(o *resource.Object, user resource.Tags) tagSet {
	t := make(tagSet, len(user)+3)
	maps.Copy(t, user)
	t[resource.TagCluster] = o.UID
	t[resource.TagAddress] = tagAddress(o)
	return t
}

// tagAddress is the object's address, or of a node, whose launch tags a whole batch alike, its pool's.
func tagAddress(o *resource.Object) string {
	if n, ok := o.Spec.(*resource.Node); ok && n.Pool != "" {
		return string(n.Pool)
	}
	return string(o.Address)
}

// user returns the tags that are neither ours nor the service's.
func (t tagSet) user() resource.Tags {
	var out resource.Tags
	for k, v := range t {
		if strings.HasPrefix(k, ourPrefix) || strings.HasPrefix(k, "aws:") {
			continue
		}
		if out == nil {
			out = resource.Tags{}
		}
		out[k] = v
	}
	return out
}

// changes compares the tags there are with the wanted ones. Those of ours that are not wanted tell of the making and stay.
func (t tagSet) changes(wanted tagSet) (set tagSet, remove []string) {
	for k, v := range wanted {
		if old, ok := t[k]; !ok || old != v {
			if set == nil {
				set = tagSet{}
			}
			set[k] = v
		}
	}
	for k := range t {
		if _, ok := wanted[k]; !ok && !strings.HasPrefix(k, ourPrefix) && !strings.HasPrefix(k, "aws:") {
			remove = append(remove, k)
		}
	}
	slices.Sort(remove)
	return set, remove
}

func (t tagSet) keys() []string { return slices.Sorted(maps.Keys(t)) }

func (t tagSet) ec2() []types.Tag {
	out := make([]types.Tag, 0, len(t))
	for _, k := range t.keys() {
		out = append(out, types.Tag{Key: &k, Value: new(t[k])})
	}
	return out
}

// specification is the form that creates take their tags in.
func (t tagSet) specification(kinds ...types.ResourceType) []types.TagSpecification {
	tags := t.ec2()
	var out []types.TagSpecification
	for _, k := range kinds {
		out = append(out, types.TagSpecification{ResourceType: k, Tags: tags})
	}
	return out
}

// plain returns the tags with the address in the few characters that IAM and load balancers allow in tags; EC2 allows all.
func (t tagSet) plain() tagSet {
	if a := t[resource.TagAddress]; plainText(a) != a {
		t = maps.Clone(t)
		t[resource.TagAddress] = plainText(a)
	}
	return t
}

// fromPlain undoes plain.
func (t tagSet) fromPlain() tagSet {
	if a, ok := t[resource.TagAddress]; ok {
		t[resource.TagAddress] = richText(a)
	}
	return t
}

const alwaysPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/"

// plainText writes what is not always allowed as "=" and two hexadecimal digits per byte.
func plainText(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(alwaysPlain, s[i]) >= 0 {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "=%02X", s[i])
		}
	}
	return b.String()
}

func richText(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '=' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func ec2Tags(tags []types.Tag) tagSet {
	t := make(tagSet, len(tags))
	for _, tag := range tags {
		t[sdk.ToString(tag.Key)] = sdk.ToString(tag.Value)
	}
	return t
}

// retag makes EC2 tags of several objects with equal differences right, in one call per kind of change.
func (r *region) retag(ctx context.Context, ids []string, set tagSet, remove []string) error {
	for part := range slices.Chunk(ids, 500) {
		if len(set) > 0 {
			in := &ec2.CreateTagsInput{Resources: part, Tags: set.ec2()}
			if err := r.settled(ctx, func() error { _, err := r.ec2.CreateTags(ctx, in); return err }); err != nil {
				return err
			}
		}
		if len(remove) > 0 {
			in := &ec2.DeleteTagsInput{Resources: part}
			for _, k := range remove {
				in.Tags = append(in.Tags, types.Tag{Key: &k})
			}
			if err := r.settled(ctx, func() error { _, err := r.ec2.DeleteTags(ctx, in); return err }); err != nil {
				return err
			}
		}
	}
	return nil
}

// taggedInEC2 is what handlers of EC2's own objects have in common.
type taggedInEC2 struct{ *region }

func (h taggedInEC2) retag(ctx context.Context, id string, set tagSet, remove []string) error {
	return h.region.retag(ctx, []string{id}, set, remove)
}

// query asks for objects by one of: the clusters that own them, the tokens that made them, their ids.
type query struct{ uids, tokens, ids []string }

// filterValues is how many values we put into a filter. EC2 takes 200 in all filters of a call together, and some calls
// filter by state as well.
const filterValues = 190

// filters turns a query into EC2 filters, one set per call. Ids are asked as a filter, too: one that does not exist is then
// merely missing from the answer and does not fail the call.
func (q query) filters(idFilter string) [][]types.Filter {
	name, values := idFilter, q.ids
	switch {
	case len(q.uids) > 0:
		name, values = "tag:"+resource.TagCluster, q.uids
	case len(q.tokens) > 0:
		name, values = "tag:"+resource.TagToken, q.tokens
	}
	var out [][]types.Filter
	for part := range slices.Chunk(values, filterValues) {
		out = append(out, []types.Filter{filter(name, part...)})
	}
	return out
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}
