package api

import (
	"iter"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/iam"
)

// role is an IAM role.
type role struct {
	ID, Name, Path string
	Description    string
	Trust          string
	MaxSession     int64
	Created        time.Time
	Inline         []inlinePolicy
	Attached       []string // ARNs of managed policies
	Tags           tagSet
}

type inlinePolicy struct{ Name, Document string }

var iamName = regexp.MustCompile(`^[\w+=,.@-]+$`)

func checkIAMName(what, name string, most int) error {
	if name == "" || len(name) > most || !iamName.MatchString(name) {
		return fail("ValidationError", "The specified value for %s is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_- and be 1 to %d characters long", what, most)
	}
	return nil
}

func checkPath(path string) (string, error) {
	if path == "" {
		return "/", nil
	}
	if !strings.HasPrefix(path, "/") || !strings.HasSuffix(path, "/") {
		return "", fail("ValidationError", "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
	return path, nil
}

func iamTags(in []iam.Tag) ([]tag, error) {
	var out []tag
	for _, t := range in {
		if t.Key == "" || slices.ContainsFunc(out, func(o tag) bool { return o.Key == t.Key }) {
			return nil, fail("InvalidInput", "Duplicate or empty tag keys found. Please note that Tag keys are case insensitive.")
		}
		out = append(out, tag(t))
	}
	if len(out) > maxTags {
		return nil, fail("LimitExceeded", "The number of tags has reached the maximum limit of %d.", maxTags)
	}
	return out, nil
}

func (t tagSet) iam() []iam.Tag {
	out := make([]iam.Tag, len(t))
	for i, x := range t {
		out[i] = iam.Tag(x)
	}
	return out
}

func (s *Server) roleARN(r *role) string { return s.arn("iam", "role"+r.Path+r.Name) }

func (s *Server) renderRole(r *role) *iam.Role {
	out := &iam.Role{
		RoleName: r.Name, RoleId: r.ID, Path: r.Path, Arn: s.roleARN(r), CreateDate: new(r.Created), Description: r.Description,
		AssumeRolePolicyDocument: url.QueryEscape(r.Trust), MaxSessionDuration: new(r.MaxSession),
	}
	out.AssumeRolePolicyDocument = strings.ReplaceAll(out.AssumeRolePolicyDocument, "+", "%20")
	if len(r.Tags) > 0 {
		out.Tags = r.Tags.iam()
	}
	return out
}

func (c *call) findRole(name string) (*role, error) {
	if r := c.roles.get(name); r != nil {
		return r, nil
	}
	return nil, fail("NoSuchEntity", "The role with name %s cannot be found.", printable(name))
}

func (c *call) createRole(in *iam.CreateRoleRequest) (any, error) {
	if err := checkIAMName("roleName", in.RoleName, 64); err != nil {
		return nil, err
	}
	path, err := checkPath(in.Path)
	if err != nil {
		return nil, err
	}
	if _, err := parsePolicy(in.AssumeRolePolicyDocument, true); err != nil {
		return nil, err
	}
	if c.roles.get(in.RoleName) != nil {
		return nil, fail("EntityAlreadyExists", "Role with name %s already exists.", in.RoleName)
	}
	tags, err := iamTags(in.Tags)
	if err != nil {
		return nil, err
	}
	r := &role{
		ID: "AROA" + randomUpper(c.ids, 17), Name: in.RoleName, Path: path, Description: in.Description, Trust: in.AssumeRolePolicyDocument,
		MaxSession: value(in.MaxSessionDuration, 3600), Created: c.db.now.UTC().Truncate(time.Second), Tags: tagSet(nil).with(tags),
	}
	if r.MaxSession < 3600 || r.MaxSession > 43200 {
		return nil, fail("ValidationError", "MaxSessionDuration must be between 3600 and 43200 seconds")
	}
	c.roles.put(r.Name, r)
	return &iam.CreateRoleResponse{Role: c.renderRole(r)}, nil
}

func (c *call) getRole(in *iam.GetRoleRequest) (any, error) {
	r, err := c.findRole(in.RoleName)
	if err != nil {
		return nil, err
	}
	out := c.renderRole(r)
	out.RoleLastUsed = new(iam.RoleLastUsed)
	return &iam.GetRoleResponse{Role: out}, nil
}

func (c *call) listRoles(in *iam.ListRolesRequest) (any, error) {
	var rows []iam.Role
	for r := range c.roles.all() {
		if strings.HasPrefix(r.Path, in.PathPrefix) {
			x := c.renderRole(r)
			x.Tags = nil
			rows = append(rows, *x)
		}
	}
	slices.SortFunc(rows, func(a, b iam.Role) int { return strings.Compare(a.RoleName, b.RoleName) })
	rows, more, marker, err := iamPage(rows, in.MaxItems, in.Marker)
	return &iam.ListRolesResponse{Roles: rows, IsTruncated: new(more), Marker: marker}, err
}

// iamPage gives one page of an IAM list.
func iamPage[T any](rows []T, limit *int64, marker string) (page []T, more bool, next string, err error) {
	n := value(limit, 100)
	if n < 1 || n > 1000 {
		return nil, false, "", fail("ValidationError", "1 validation error detected: Value '%d' at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 1000", n)
	}
	at := 0
	if marker != "" {
		if at, err = strconv.Atoi(marker); err != nil || at < 0 || at > len(rows) {
			return nil, false, "", fail("ValidationError", "Invalid Marker.")
		}
	}
	rows = rows[at:]
	if int64(len(rows)) > n {
		return rows[:n], true, strconv.Itoa(at + int(n)), nil
	}
	return append([]T{}, rows...), false, "", nil
}

func (c *call) deleteRole(in *iam.DeleteRoleRequest) (any, error) {
	r, err := c.findRole(in.RoleName)
	if err != nil {
		return nil, err
	}
	switch {
	case len(r.Inline) > 0:
		return nil, fail("DeleteConflict", "Cannot delete entity, must delete policies first.")
	case len(r.Attached) > 0:
		return nil, fail("DeleteConflict", "Cannot delete entity, must detach all policies first.")
	case c.profiles.any(func(p *profile) bool { return p.Role == r.Name }):
		return nil, fail("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
	}
	c.roles.delete(r.Name)
	return nil, nil
}

func (c *call) updateRole(in *iam.UpdateRoleRequest) (any, error) {
	if _, err := c.findRole(in.RoleName); err != nil {
		return nil, err
	}
	c.roles.update(in.RoleName, func(r *role) {
		if c.query.Has("Description") {
			r.Description = in.Description
		}
		r.MaxSession = value(in.MaxSessionDuration, r.MaxSession)
	})
	return new(iam.UpdateRoleResponse), nil
}

func (c *call) updateAssumeRolePolicy(in *iam.UpdateAssumeRolePolicyRequest) (any, error) {
	if _, err := c.findRole(in.RoleName); err != nil {
		return nil, err
	}
	if _, err := parsePolicy(in.PolicyDocument, true); err != nil {
		return nil, err
	}
	c.roles.update(in.RoleName, func(r *role) { r.Trust = in.PolicyDocument })
	return nil, nil
}

func (c *call) tagRole(in *iam.TagRoleRequest) (any, error) {
	r, err := c.findRole(in.RoleName)
	if err != nil {
		return nil, err
	}
	tags, err := iamTags(in.Tags)
	if err != nil {
		return nil, err
	}
	c.roles.update(r.Name, func(r *role) { r.Tags = r.Tags.with(tags) })
	return nil, nil
}

func (c *call) untagRole(in *iam.UntagRoleRequest) (any, error) {
	r, err := c.findRole(in.RoleName)
	if err != nil {
		return nil, err
	}
	c.roles.update(r.Name, func(r *role) { r.Tags = r.Tags.without(in.TagKeys, make([]*string, len(in.TagKeys))) })
	return nil, nil
}

func (c *call) listRoleTags(in *iam.ListRoleTagsRequest) (any, error) {
	r, err := c.findRole(in.RoleName)
	if err != nil {
		return nil, err
	}
	return &iam.ListRoleTagsResponse{Tags: r.Tags.iam(), IsTruncated: new(false)}, nil
}

// policiesOf yields the documents that decide what a role may do.
func (s *Server) policiesOf(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		r := s.roles.get(name)
		if r == nil {
			return
		}
		for _, p := range r.Inline {
			if !yield(p.Document) {
				return
			}
		}
		for _, arn := range r.Attached {
			if doc := s.managedDocument(arn); doc != "" && !yield(doc) {
				return
			}
		}
	}
}
