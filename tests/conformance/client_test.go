package replay

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// overHTTP is the client that the tables' runners ask for, speaking JSON over HTTP.
type overHTTP struct {
	base, token string
	http        http.Client
}

func newClient() *overHTTP {
	return &overHTTP{
		base:  os.Getenv("TESSERA_URL"),
		token: os.Getenv("TESSERA_TOKEN"),
		http:  http.Client{Timeout: 30 * time.Second},
	}
}

// refusal is an error's body. Inside a stream the code is a number, elsewhere a name.
type refusal struct {
	Code    json.RawMessage `json:"code"`
	Message string          `json:"message"`
}

// asStatus gives a refusal the numeric code that the tables expect.
func (r refusal) asStatus() error {
	var number int32
	if json.Unmarshal(r.Code, &number) == nil {
		return status.Error(codes.Code(number), r.Message)
	}
	var name string
	_ = json.Unmarshal(r.Code, &name)
	for _, numbers := range []map[string]int32{
		openfgav1.ErrorCode_value,
		openfgav1.InternalErrorCode_value,
		openfgav1.NotFoundErrorCode_value,
		openfgav1.AuthErrorCode_value,
		openfgav1.UnprocessableContentErrorCode_value,
	} {
		if number, known := numbers[name]; known {
			return status.Error(codes.Code(number), r.Message)
		}
	}
	return status.Errorf(codes.Unknown, "code `%s`: %s", name, r.Message)
}

// post sends a request and returns the body of a successful answer.
func (c *overHTTP) post(ctx context.Context, path string, in proto.Message) ([]byte, error) {
	body, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(in)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		var refused refusal
		if json.Unmarshal(answer, &refused) != nil {
			return nil, fmt.Errorf("%s: %s: %s", path, response.Status, answer)
		}
		return nil, refused.asStatus()
	}
	return answer, nil
}

func call[Out proto.Message](ctx context.Context, c *overHTTP, path string, in proto.Message, out Out) (Out, error) {
	answer, err := c.post(ctx, path, in)
	if err != nil {
		return out, err
	}
	return out, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(answer, out)
}

func (c *overHTTP) CreateStore(ctx context.Context, in *openfgav1.CreateStoreRequest, _ ...grpc.CallOption) (*openfgav1.CreateStoreResponse, error) {
	return call(ctx, c, "/stores", in, &openfgav1.CreateStoreResponse{})
}

func (c *overHTTP) WriteAuthorizationModel(ctx context.Context, in *openfgav1.WriteAuthorizationModelRequest, _ ...grpc.CallOption) (*openfgav1.WriteAuthorizationModelResponse, error) {
	return call(ctx, c, "/stores/"+in.GetStoreId()+"/authorization-models", in, &openfgav1.WriteAuthorizationModelResponse{})
}

func (c *overHTTP) Write(ctx context.Context, in *openfgav1.WriteRequest, _ ...grpc.CallOption) (*openfgav1.WriteResponse, error) {
	return call(ctx, c, "/stores/"+in.GetStoreId()+"/write", in, &openfgav1.WriteResponse{})
}

func (c *overHTTP) Check(ctx context.Context, in *openfgav1.CheckRequest, _ ...grpc.CallOption) (*openfgav1.CheckResponse, error) {
	return call(ctx, c, "/stores/"+in.GetStoreId()+"/check", in, &openfgav1.CheckResponse{})
}

func (c *overHTTP) ListObjects(ctx context.Context, in *openfgav1.ListObjectsRequest, _ ...grpc.CallOption) (*openfgav1.ListObjectsResponse, error) {
	return call(ctx, c, "/stores/"+in.GetStoreId()+"/list-objects", in, &openfgav1.ListObjectsResponse{})
}

func (c *overHTTP) ListUsers(ctx context.Context, in *openfgav1.ListUsersRequest, _ ...grpc.CallOption) (*openfgav1.ListUsersResponse, error) {
	return call(ctx, c, "/stores/"+in.GetStoreId()+"/list-users", in, &openfgav1.ListUsersResponse{})
}

// StreamedListObjects reports a refusal where a stream does: at the first line.
func (c *overHTTP) StreamedListObjects(ctx context.Context, in *openfgav1.StreamedListObjectsRequest, _ ...grpc.CallOption) (openfgav1.OpenFGAService_StreamedListObjectsClient, error) {
	answer, err := c.post(ctx, "/stores/"+in.GetStoreId()+"/streamed-list-objects", in)
	return &lines{refused: err, from: bufio.NewScanner(bytes.NewReader(answer))}, nil
}

// lines is a stream that has ended already.
type lines struct {
	grpc.ClientStream
	refused error
	from    *bufio.Scanner
}

func (l *lines) Recv() (*openfgav1.StreamedListObjectsResponse, error) {
	if l.refused != nil {
		return nil, l.refused
	}
	for l.from.Scan() {
		if strings.TrimSpace(l.from.Text()) == "" {
			continue
		}
		var line struct {
			Result *openfgav1.StreamedListObjectsResponse `json:"result"`
			Error  *refusal                               `json:"error"`
		}
		if err := json.Unmarshal(l.from.Bytes(), &line); err != nil {
			return nil, err
		}
		if line.Error != nil {
			return nil, line.Error.asStatus()
		}
		return line.Result, nil
	}
	if err := l.from.Err(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}
