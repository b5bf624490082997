/* Entities and relations without Python: loads an exported model through TensorFlow's C API.

   extract DIR INPUT OUTPUT... < TEXT
   INPUT and OUTPUT: names of graph tensors, "operation:number", as the signature gives them; outputs in the order
   entity_start entity_end entity_type entity_count relation_head relation_tail relation_type relation_count.
   Prints one line an entity, "start end type", and one a relation, "head tail type". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

enum { START, END, TYPE, COUNT, HEAD, TAIL, RELATION, RELATIONS, OUTPUTS };

static TF_Status* status;

static void check(const char* what) {
  if (TF_GetCode(status) == TF_OK) return;
  fprintf(stderr, "%s: %s\n", what, TF_Message(status));
  exit(1);
}

static TF_Output find(TF_Graph* graph, const char* tensor) {
  char name[512];
  const char* colon = strrchr(tensor, ':');
  snprintf(name, sizeof name, "%.*s", (int)(colon - tensor), tensor);
  TF_Output output = {TF_GraphOperationByName(graph, name), atoi(colon + 1)};
  if (output.oper == NULL) {
    fprintf(stderr, "no operation %s\n", name);
    exit(1);
  }
  return output;
}

static int integer(TF_Tensor* tensor, int place) { return ((int*)TF_TensorData(tensor))[place]; }

static void print_string(TF_Tensor* tensor, int place) {
  const TF_TString* text = (TF_TString*)TF_TensorData(tensor) + place;
  printf("%.*s\n", (int)TF_StringGetSize(text), TF_StringGetDataPointer(text));
}

int main(int argc, char** argv) {
  static char text[1 << 20];
  if (argc != 3 + OUTPUTS) return 2;
  size_t length = fread(text, 1, sizeof text, stdin);
  status = TF_NewStatus();

  const char* tags[] = {"serve"};
  TF_Graph* graph = TF_NewGraph();
  TF_SessionOptions* options = TF_NewSessionOptions();
  TF_Session* session = TF_LoadSessionFromSavedModel(options, NULL, argv[1], tags, 1, graph, NULL, status);
  check("load");

  const int64_t one = 1;
  TF_Tensor* input = TF_AllocateTensor(TF_STRING, &one, 1, sizeof(TF_TString));
  TF_StringInit(TF_TensorData(input));
  TF_StringCopy(TF_TensorData(input), text, length);

  TF_Output in = find(graph, argv[2]), out[OUTPUTS];
  TF_Tensor* found[OUTPUTS] = {NULL};
  for (int i = 0; i < OUTPUTS; ++i) out[i] = find(graph, argv[3 + i]);
  TF_SessionRun(session, NULL, &in, &input, 1, out, found, OUTPUTS, NULL, 0, NULL, status);
  check("run");

  for (int i = 0; i < integer(found[COUNT], 0); ++i) {
    printf("%d %d ", integer(found[START], i), integer(found[END], i));
    print_string(found[TYPE], i);
  }
  for (int i = 0; i < integer(found[RELATIONS], 0); ++i) {
    printf("%d %d ", integer(found[HEAD], i), integer(found[TAIL], i));
    print_string(found[RELATION], i);
  }

  for (int i = 0; i < OUTPUTS; ++i) TF_DeleteTensor(found[i]);
  TF_DeleteTensor(input);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}
