package api

import (
	"slices"
	"strings"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/iam"
)

// profile is an instance profile.
type profile struct {
	ID, Name, Path string
	Role           string
	Created        time.Time
	KnownAt        time.Time // when EC2 learns of it
	Tags           tagSet
}

func (s *Server) profileARN(p *profile) string { return s.arn("iam", "instance-profile"+p.Path+p.Name) }

func (s *Server) renderProfile(p *profile) *iam.InstanceProfile {
	out := &iam.InstanceProfile{InstanceProfileName: p.Name, InstanceProfileId: p.ID, Path: p.Path, Arn: s.profileARN(p), CreateDate: new(p.Created), Roles: []iam.Role{}}
	if r := s.roles.get(p.Role); r != nil {
		x := s.renderRole(r)
		x.Tags = nil
		out.Roles = append(out.Roles, *x)
	}
	if len(p.Tags) > 0 {
		out.Tags = p.Tags.iam()
	}
	return out
}

func (c *call) findProfile(name string) (*profile, error) {
	if p := c.profiles.get(name); p != nil {
		return p, nil
	}
	return nil, fail("NoSuchEntity", "Instance Profile %s cannot be found.", printable(name))
}

func (c *call) createInstanceProfile(in *iam.CreateInstanceProfileRequest) (any, error) {
	if err := checkIAMName("instanceProfileName", in.InstanceProfileName, 128); err != nil {
		return nil, err
	}
	path, err := checkPath(in.Path)
	if err != nil {
		return nil, err
	}
	if c.profiles.get(in.InstanceProfileName) != nil {
		return nil, fail("EntityAlreadyExists", "Instance Profile %s already exists.", in.InstanceProfileName)
	}
	tags, err := iamTags(in.Tags)
	if err != nil {
		return nil, err
	}
	p := &profile{ID: "AIPA" + randomUpper(c.ids, 17), Name: in.InstanceProfileName, Path: path, Created: c.db.now.UTC().Truncate(time.Second), KnownAt: c.profileKnownAt(), Tags: tagSet(nil).with(tags)}
	c.profiles.put(p.Name, p)
	return &iam.CreateInstanceProfileResponse{InstanceProfile: c.renderProfile(p)}, nil
}

func (c *call) getInstanceProfile(in *iam.GetInstanceProfileRequest) (any, error) {
	p, err := c.findProfile(in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	return &iam.GetInstanceProfileResponse{InstanceProfile: c.renderProfile(p)}, nil
}

func (c *call) deleteInstanceProfile(in *iam.DeleteInstanceProfileRequest) (any, error) {
	p, err := c.findProfile(in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	if p.Role != "" {
		return nil, fail("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
	}
	c.profiles.delete(p.Name)
	return nil, nil
}

func (c *call) addRoleToInstanceProfile(in *iam.AddRoleToInstanceProfileRequest) (any, error) {
	p, err := c.findProfile(in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	r, err := c.findRole(in.RoleName)
	if err != nil {
		return nil, err
	}
	if p.Role != "" {
		return nil, fail("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
	}
	c.profiles.update(p.Name, func(p *profile) { p.Role = r.Name })
	return nil, nil
}

func (c *call) removeRoleFromInstanceProfile(in *iam.RemoveRoleFromInstanceProfileRequest) (any, error) {
	p, err := c.findProfile(in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	if p.Role != in.RoleName {
		return nil, fail("NoSuchEntity", "The role with name %s cannot be found.", printable(in.RoleName))
	}
	c.profiles.update(p.Name, func(p *profile) { p.Role = "" })
	return nil, nil
}

func (c *call) profileList(match func(*profile) bool) []iam.InstanceProfile {
	var rows []iam.InstanceProfile
	for p := range c.profiles.all() {
		if match(p) {
			x := c.renderProfile(p)
			x.Tags = nil
			rows = append(rows, *x)
		}
	}
	slices.SortFunc(rows, func(a, b iam.InstanceProfile) int {
		return strings.Compare(a.InstanceProfileName, b.InstanceProfileName)
	})
	return rows
}

func (c *call) listInstanceProfiles(in *iam.ListInstanceProfilesRequest) (any, error) {
	rows := c.profileList(func(p *profile) bool { return strings.HasPrefix(p.Path, in.PathPrefix) })
	rows, more, marker, err := iamPage(rows, in.MaxItems, in.Marker)
	return &iam.ListInstanceProfilesResponse{InstanceProfiles: rows, IsTruncated: new(more), Marker: marker}, err
}

func (c *call) listInstanceProfilesForRole(in *iam.ListInstanceProfilesForRoleRequest) (any, error) {
	r, err := c.findRole(in.RoleName)
	if err != nil {
		return nil, err
	}
	rows := c.profileList(func(p *profile) bool { return p.Role == r.Name })
	rows, more, marker, err := iamPage(rows, in.MaxItems, in.Marker)
	return &iam.ListInstanceProfilesForRoleResponse{InstanceProfiles: rows, IsTruncated: new(more), Marker: marker}, err
}

func (c *call) tagInstanceProfile(in *iam.TagInstanceProfileRequest) (any, error) {
	p, err := c.findProfile(in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	tags, err := iamTags(in.Tags)
	if err != nil {
		return nil, err
	}
	c.profiles.update(p.Name, func(p *profile) { p.Tags = p.Tags.with(tags) })
	return nil, nil
}

func (c *call) untagInstanceProfile(in *iam.UntagInstanceProfileRequest) (any, error) {
	p, err := c.findProfile(in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	c.profiles.update(p.Name, func(p *profile) { p.Tags = p.Tags.without(in.TagKeys, make([]*string, len(in.TagKeys))) })
	return nil, nil
}

func (c *call) listInstanceProfileTags(in *iam.ListInstanceProfileTagsRequest) (any, error) {
	p, err := c.findProfile(in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	return &iam.ListInstanceProfileTagsResponse{Tags: p.Tags.iam(), IsTruncated: new(false)}, nil
}

func (c *call) getUser(in *iam.GetUserRequest) (any, error) {
	if in.UserName != "" {
		return nil, fail("NoSuchEntity", "The user with name %s cannot be found.", printable(in.UserName))
	}
	if !c.who.root {
		return nil, fail("ValidationError", "Must specify userName when calling with non-User credentials")
	}
	return &iam.GetUserResponse{User: &iam.User{UserName: "root", UserId: c.opt.AccountID, Arn: c.who.arn, Path: "/", CreateDate: new(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))}}, nil
}

func iamActions() map[string]handler {
	return map[string]handler{
		"CreateRole": on((*call).createRole), "GetRole": on((*call).getRole), "DeleteRole": on((*call).deleteRole), "ListRoles": on((*call).listRoles),
		"UpdateRole": on((*call).updateRole), "UpdateAssumeRolePolicy": on((*call).updateAssumeRolePolicy),
		"PutRolePolicy": on((*call).putRolePolicy), "GetRolePolicy": on((*call).getRolePolicy), "DeleteRolePolicy": on((*call).deleteRolePolicy),
		"ListRolePolicies": on((*call).listRolePolicies), "AttachRolePolicy": on((*call).attachRolePolicy),
		"DetachRolePolicy": on((*call).detachRolePolicy), "ListAttachedRolePolicies": on((*call).listAttachedRolePolicies),
		"TagRole": on((*call).tagRole), "UntagRole": on((*call).untagRole), "ListRoleTags": on((*call).listRoleTags),
		"CreatePolicy": on((*call).createPolicy), "GetPolicy": on((*call).getPolicy), "GetPolicyVersion": on((*call).getPolicyVersion),
		"DeletePolicy": on((*call).deletePolicy), "ListPolicies": on((*call).listPolicies), "ListPolicyVersions": on((*call).listPolicyVersions),
		"CreateInstanceProfile": on((*call).createInstanceProfile), "GetInstanceProfile": on((*call).getInstanceProfile),
		"DeleteInstanceProfile": on((*call).deleteInstanceProfile), "ListInstanceProfiles": on((*call).listInstanceProfiles),
		"ListInstanceProfilesForRole": on((*call).listInstanceProfilesForRole), "AddRoleToInstanceProfile": on((*call).addRoleToInstanceProfile),
		"RemoveRoleFromInstanceProfile": on((*call).removeRoleFromInstanceProfile), "TagInstanceProfile": on((*call).tagInstanceProfile),
		"UntagInstanceProfile": on((*call).untagInstanceProfile), "ListInstanceProfileTags": on((*call).listInstanceProfileTags),
		"GetUser": on((*call).getUser),
	}
}
