package api

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// launchTemplate is a launch template with its versions.
type launchTemplate struct {
	ID, Name string
	Created  time.Time
	By       string
	Default  int64
	Latest   int64
	Versions []templateVersion
}

type templateVersion struct {
	Number      int64
	Description string
	Created     time.Time
	By          string
	Data        *ec2.RequestLaunchTemplateData
}

// findTemplate finds a template by id or name.
func (c *call) findTemplate(id, name string) (*launchTemplate, error) {
	switch {
	case id != "" && name != "":
		return nil, fail("InvalidParameterCombination", "Only one of launch template ID and name may be specified")
	case id != "":
		return find(c.templates, templateID, id)
	case name == "":
		return nil, fail("MissingParameter", "Either a launch template ID or a launch template name must be specified in the request.")
	}
	for _, t := range c.templates.after(0) {
		if t.Name == name {
			return t, nil
		}
	}
	return nil, fail("InvalidLaunchTemplateName.NotFoundException", "The specified launch template, with template name %s, does not exist.", name)
}

func (t *launchTemplate) version(want string) (*templateVersion, error) {
	n := t.Default
	switch want {
	case "", "$Default":
	case "$Latest":
		n = t.Latest
	default:
		var err error
		if n, err = strconv.ParseInt(want, 10, 64); err != nil {
			return nil, fail("InvalidParameterValue", "Invalid launch template version '%s'", want)
		}
	}
	for i := range t.Versions {
		if t.Versions[i].Number == n {
			return &t.Versions[i], nil
		}
	}
	return nil, fail("InvalidLaunchTemplateId.VersionNotFound", "Could not find the specified version %s for the launch template with ID %s.", want, t.ID)
}

func (c *call) templateVersion(id, name, version string) (*templateVersion, error) {
	t, err := c.findTemplate(id, name)
	if err != nil {
		return nil, err
	}
	return t.version(version)
}

func (c *call) createLaunchTemplate(in *ec2.CreateLaunchTemplateRequest) (any, error) {
	if len(in.LaunchTemplateName) < 3 || len(in.LaunchTemplateName) > 128 {
		return nil, fail("InvalidLaunchTemplateName.MalformedException", "A launch template name must have 3 to 128 characters")
	}
	if c.templates.any(func(t *launchTemplate) bool { return t.Name == in.LaunchTemplateName }) {
		return nil, fail("InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use.")
	}
	tags, err := specified(in.TagSpecifications, "launch-template")
	if err != nil {
		return nil, err
	}
	if err := c.checkTemplate(in.LaunchTemplateData); err != nil {
		return nil, err
	}
	t := &launchTemplate{ID: c.newID("lt"), Name: in.LaunchTemplateName, Created: c.db.now, By: c.who.arn, Default: 1, Latest: 1}
	t.Versions = []templateVersion{{Number: 1, Description: in.VersionDescription, Created: c.db.now, By: c.who.arn, Data: in.LaunchTemplateData}}
	c.templates.put(t.ID, t)
	c.setTags(t.ID, tags["launch-template"])
	out := c.renderTemplate(t)
	out.Tags = c.tagsOf(t.ID).ec2()
	return &ec2.CreateLaunchTemplateResult{LaunchTemplate: &out}, nil
}

func (c *call) checkTemplate(d *ec2.RequestLaunchTemplateData) error {
	if d.InstanceType != "" && c.types[d.InstanceType].Name == "" {
		return fail("InvalidParameterValue", "Invalid value '%s' for InstanceType.", d.InstanceType)
	}
	_, err := checkUserData(d.UserData)
	return err
}

func (c *call) renderTemplate(t *launchTemplate) ec2.LaunchTemplate {
	return ec2.LaunchTemplate{
		LaunchTemplateId: t.ID, LaunchTemplateName: t.Name, CreateTime: new(t.Created), CreatedBy: t.By,
		DefaultVersionNumber: new(t.Default), LatestVersionNumber: new(t.Latest), Tags: c.tagsSeen(t.ID).ec2(),
	}
}

func (c *call) renderVersion(t *launchTemplate, v *templateVersion) (ec2.LaunchTemplateVersion, error) {
	out := ec2.LaunchTemplateVersion{
		LaunchTemplateId: t.ID, LaunchTemplateName: t.Name, VersionNumber: new(v.Number), VersionDescription: v.Description,
		CreateTime: new(v.Created), CreatedBy: v.By, DefaultVersion: new(v.Number == t.Default), LaunchTemplateData: new(ec2.ResponseLaunchTemplateData),
	}
	// Request and response data have the same member names; only their types differ.
	raw, err := json.Marshal(v.Data)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(raw, out.LaunchTemplateData)
}

func (c *call) createLaunchTemplateVersion(in *ec2.CreateLaunchTemplateVersionRequest) (any, error) {
	t, err := c.findTemplate(in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	if err := c.checkTemplate(in.LaunchTemplateData); err != nil {
		return nil, err
	}
	data := in.LaunchTemplateData
	if in.SourceVersion != "" {
		src, err := t.version(in.SourceVersion)
		if err != nil {
			return nil, err
		}
		if data, err = overlay(src.Data, data); err != nil {
			return nil, err
		}
	}
	v := templateVersion{Number: t.Latest + 1, Description: in.VersionDescription, Created: c.db.now, By: c.who.arn, Data: data}
	t = c.templates.update(t.ID, func(t *launchTemplate) {
		t.Latest = v.Number
		t.Versions = append(slices.Clone(t.Versions), v)
	})
	out, err := c.renderVersion(t, &v)
	if err != nil {
		return nil, err
	}
	return &ec2.CreateLaunchTemplateVersionResult{LaunchTemplateVersion: &out}, nil
}

// overlay gives base with what over sets.
func overlay(base, over *ec2.RequestLaunchTemplateData) (*ec2.RequestLaunchTemplateData, error) {
	out := new(ec2.RequestLaunchTemplateData)
	for _, layer := range []*ec2.RequestLaunchTemplateData{base, over} {
		raw, err := json.Marshal(layer)
		if err != nil {
			return nil, err
		}
		var set map[string]json.RawMessage
		if err := json.Unmarshal(raw, &set); err != nil {
			return nil, err
		}
		for k, v := range set {
			if s := string(v); s == "null" || s == `""` || s == "[]" {
				delete(set, k)
			}
		}
		if raw, err = json.Marshal(set); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *call) describeLaunchTemplates(in *ec2.DescribeLaunchTemplatesRequest) (any, error) {
	filters := in.Filters
	if len(in.LaunchTemplateNames) > 0 {
		for _, n := range in.LaunchTemplateNames {
			if _, err := c.findTemplate("", n); err != nil {
				return nil, err
			}
		}
		filters = append(slices.Clone(filters), ec2.Filter{Name: "launch-template-name", Values: in.LaunchTemplateNames})
	}
	rows, next, err := list(c.s, listing[launchTemplate]{
		table: c.templates, kind: templateID, ids: in.LaunchTemplateIds, filters: filters, max: in.MaxResults, maxMin: 1, maxMax: 200, token: in.NextToken,
		id: func(t *launchTemplate) string { return t.ID },
		set: filterSet[launchTemplate]{
			"launch-template-name": func(t *launchTemplate, is func(string) bool) bool { return is(t.Name) },
			"create-time": func(t *launchTemplate, is func(string) bool) bool {
				return is(t.Created.UTC().Format("2006-01-02T15:04:05.000Z"))
			},
		},
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeLaunchTemplatesResult{LaunchTemplates: make([]ec2.LaunchTemplate, 0, len(rows)), NextToken: next}
	for _, t := range rows {
		out.LaunchTemplates = append(out.LaunchTemplates, c.renderTemplate(t))
	}
	return out, nil
}

func (c *call) describeLaunchTemplateVersions(in *ec2.DescribeLaunchTemplateVersionsRequest) (any, error) {
	t, err := c.findTemplate(in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	var rows []*templateVersion
	for _, want := range in.Versions {
		v, err := t.version(want)
		if err != nil {
			return nil, err
		}
		rows = append(rows, v)
	}
	low, _ := strconv.ParseInt(in.MinVersion, 10, 64) // absent: 0
	high, err := strconv.ParseInt(in.MaxVersion, 10, 64)
	if err != nil {
		high = t.Latest
	}
	if len(in.Versions) == 0 {
		for i := range t.Versions {
			if n := t.Versions[i].Number; n >= low && n <= high {
				rows = append(rows, &t.Versions[i])
			}
		}
		slices.Reverse(rows) // EC2 lists the newest first
	}
	l := listing[templateVersion]{kind: templateID, filters: in.Filters, max: in.MaxResults, maxMin: 1, maxMax: 200, token: in.NextToken}
	limit, after, bound, err := l.page()
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeLaunchTemplateVersionsResult{LaunchTemplateVersions: []ec2.LaunchTemplateVersion{}}
	for i, v := range rows {
		if uint64(i) < after {
			continue
		}
		if len(out.LaunchTemplateVersions) == limit {
			out.NextToken = pageToken(uint64(i), bound)
			break
		}
		x, err := c.renderVersion(t, v)
		if err != nil {
			return nil, err
		}
		out.LaunchTemplateVersions = append(out.LaunchTemplateVersions, x)
	}
	return out, nil
}

func (c *call) deleteLaunchTemplate(in *ec2.DeleteLaunchTemplateRequest) (any, error) {
	t, err := c.findTemplate(in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	out := c.renderTemplate(t)
	c.templates.delete(t.ID)
	c.tags.delete(t.ID)
	return &ec2.DeleteLaunchTemplateResult{LaunchTemplate: &out}, nil
}

func (c *call) deleteLaunchTemplateVersions(in *ec2.DeleteLaunchTemplateVersionsRequest) (any, error) {
	t, err := c.findTemplate(in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	out := &ec2.DeleteLaunchTemplateVersionsResult{
		SuccessfullyDeletedLaunchTemplateVersions:   []ec2.DeleteLaunchTemplateVersionsResponseSuccessItem{},
		UnsuccessfullyDeletedLaunchTemplateVersions: []ec2.DeleteLaunchTemplateVersionsResponseErrorItem{},
	}
	for _, want := range in.Versions {
		v, err := t.version(want)
		code := "launchTemplateVersionDoesNotExist"
		if err == nil && v.Number == t.Default {
			code = "unexpectedError"
			err = fail("", "The default version cannot be deleted")
		}
		if err != nil {
			n, _ := strconv.ParseInt(want, 10, 64) // a name like $Latest has no number
			out.UnsuccessfullyDeletedLaunchTemplateVersions = append(out.UnsuccessfullyDeletedLaunchTemplateVersions, ec2.DeleteLaunchTemplateVersionsResponseErrorItem{
				LaunchTemplateId: t.ID, LaunchTemplateName: t.Name, VersionNumber: new(n), ResponseError: &ec2.ResponseError{Code: code, Message: err.Error()},
			})
			continue
		}
		number := v.Number
		t = c.templates.update(t.ID, func(t *launchTemplate) {
			t.Versions = slices.DeleteFunc(slices.Clone(t.Versions), func(v templateVersion) bool { return v.Number == number })
		})
		out.SuccessfullyDeletedLaunchTemplateVersions = append(out.SuccessfullyDeletedLaunchTemplateVersions, ec2.DeleteLaunchTemplateVersionsResponseSuccessItem{
			LaunchTemplateId: t.ID, LaunchTemplateName: t.Name, VersionNumber: new(number),
		})
	}
	return out, nil
}

func (c *call) modifyLaunchTemplate(in *ec2.ModifyLaunchTemplateRequest) (any, error) {
	t, err := c.findTemplate(in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	v, err := t.version(in.DefaultVersion)
	if err != nil {
		return nil, err
	}
	n := v.Number
	t = c.templates.update(t.ID, func(t *launchTemplate) { t.Default = n })
	return &ec2.ModifyLaunchTemplateResult{LaunchTemplate: new(c.renderTemplate(t))}, nil
}
