// Package replay runs OpenFGA's own tables of models, tuples and expected answers against a running server.
package replay

import (
	"testing"

	"github.com/openfga/openfga/tests/check"
	"github.com/openfga/openfga/tests/listobjects"
	"github.com/openfga/openfga/tests/listusers"
)

func TestCheck(t *testing.T)       { check.RunAllTests(t, newClient()) }
func TestListObjects(t *testing.T) { listobjects.RunAllTests(t, newClient()) }
func TestListUsers(t *testing.T)   { listusers.RunAllTests(t, newClient()) }

func TestListObjectsMatrix(t *testing.T) { listobjects.RunMatrixTests(t, "http", "list_objects", newClient()) }
func TestMatrix(t *testing.T)            { check.RunMatrixTests(t, "http", "all", newClient()) }

// The last one: it changes the tables that it runs.
func TestMatrixWithContextualTuples(t *testing.T) { check.RunContextualMatrixTests(t, newClient()) }
