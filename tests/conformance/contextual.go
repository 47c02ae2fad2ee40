package check

import (
	"testing"

	"github.com/openfga/openfga/pkg/typesystem"
	"github.com/openfga/openfga/tests"
)

// RunContextualMatrixTests asks what RunMatrixTests asks, with every tuple sent along with the question instead of stored.
func RunContextualMatrixTests(t *testing.T, client tests.ClientInterface) {
	runTestMatrix(t, testParams{schemaVersion: typesystem.SchemaVersion1_1, contextual: true, client: client})
}
