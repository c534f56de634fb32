/* SPDX-License-Identifier: BSD-2-Clause
 * From the command line to a list of (input, output). */
#include "jobs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_directory(const char *path) {
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/** folder + "/" + name + ending; NULL when memory ran out. */
static char *join(const char *folder, const char *name, size_t name_length, const char *ending) {
    size_t length = strlen(folder) + 1 + name_length + strlen(ending) + 1;
    char *path = malloc(length);
    if (path == NULL) return NULL;
    const char *slash = folder[0] != '\0' && folder[strlen(folder) - 1] != '/' ? "/" : "";
    (void)snprintf(path, length, "%s%s%.*s%s", folder, slash, (int)name_length, name, ending);
    return path;
}

/** The output's name in a directory: the input's without its ending, and the format's. */
static char *output_in(const char *folder, const char *input, const codec *format) {
    const char *slash = strrchr(input, '/');
    const char *name = strcmp(input, "-") == 0 ? "stdin" : slash ? slash + 1 : input;
    const char *dot = strrchr(name, '.');
    size_t stem = dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name);
    char ending[16];
    (void)snprintf(ending, sizeof ending, ".%s", format->name);
    return join(folder, name, stem, ending);
}

/** Takes over `input` and `output`, either of which may be NULL for want of memory. */
static bool add_job(job_list *list, char *input, char *output, const codec *format, complaint *c) {
    job *larger = realloc(list->jobs, (list->count + 1) * sizeof *larger);
    if (larger != NULL) list->jobs = larger;
    if (larger == NULL || input == NULL || output == NULL) {
        free(input);
        free(output);
        return fail(c, "not enough memory");
    }
    list->jobs[list->count++] = (job){.input = input, .output = output, .format = format};
    return true;
}

/** Something that cannot be done but is reported in its turn, while the rest go on. */
static bool add_refused(job_list *list, const char *input, const char *why, complaint *c) {
    if (!add_job(list, strdup(input), strdup(""), NULL, c)) return false;
    list->jobs[list->count - 1].refusal = why;
    return true;
}

/** The format asked for; else that of `name`; NULL when neither says. */
static const codec *format_for(const options *o, const char *input, const char *name) {
    if (o->format != NULL) return o->format;
    const codec *same = o->same_format ? codec_for_output(input) : NULL;
    return same != NULL ? same : codec_for_output(name);
}

static bool add_picture(job_list *list, const char *input, const options *o, bool to_folder, complaint *c) {
    bool any_name = to_folder || strcmp(o->output, "-") == 0 || o->same_format;
    const codec *format = format_for(o, input, any_name ? "default.png" : o->output);
    if (format == NULL)
        return fail(c, "%s does not end like a format written here; give -f FORMAT, or %s/ for a directory", o->output,
                    o->output);
    if (!add_job(list, strdup(input), to_folder ? output_in(o->output, input, format) : strdup(o->output), format, c))
        return false;
    list->jobs[list->count - 1].may_resume = to_folder && o->confidence == NULL;
    return true;
}

static int keep_pictures(const struct dirent *entry) {
    return entry->d_name[0] != '.' && codec_readable_name(entry->d_name);
}

/** The pictures of a folder in the order of their names; folders inside it are left out. */
static bool add_folder(job_list *list, const char *folder, const options *o, complaint *c) {
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, keep_pictures, alphasort);
    size_t before = list->count;
    bool ok = true;
    for (int i = 0; i < count; i++) {
        char *path = join(folder, entries[i]->d_name, strlen(entries[i]->d_name), "");
        if (path == NULL) ok = fail(c, "not enough memory");
        if (ok && !is_directory(path)) ok = add_picture(list, path, o, true, c);
        free(path);
        free(entries[i]);
    }
    free(entries);
    if (ok && list->count == before)
        ok = add_refused(list, folder, count < 0 ? "cannot read the directory" : "no pictures in the directory", c);
    return ok;
}

/** Whether OUTPUT is a directory; makes a missing one. */
static bool settle_output(const options *o, bool *to_folder, complaint *c) {
    size_t length = strlen(o->output);
    *to_folder = o->to_folder || o->input_count > 1 || is_directory(o->inputs[0]) || o->output[length - 1] == '/' ||
                 is_directory(o->output);
    if (!*to_folder || is_directory(o->output)) return true;
    if (!o->to_folder && strcmp(o->output, "-") == 0)
        return fail(c, "standard output takes one picture, not a directory of them");
    if (!o->to_folder && o->output[length - 1] != '/' && codec_for_output(o->output) != NULL)
        return fail(c, "%s is the name of a picture, and several need a directory; write %s/ to make one", o->output,
                    o->output);
    return mkdir(o->output, 0777) == 0 || fail(c, "cannot make the directory %s: %s", o->output, strerror(errno));
}

static int by_output(const void *one, const void *other) {
    const job *a = *(const job *const *)one, *b = *(const job *const *)other;
    int order = strcmp(a->output, b->output);
    return order != 0 ? order : (a > b) - (a < b);
}

/** Of those with one output name the first is done. */
static bool refuse_repeated(job_list *list, complaint *c) {
    job **sorted = malloc(list->count * sizeof *sorted);
    if (sorted == NULL) return fail(c, "not enough memory");
    for (size_t i = 0; i < list->count; i++) sorted[i] = &list->jobs[i];
    qsort(sorted, list->count, sizeof *sorted, by_output);
    for (size_t i = 1; i < list->count; i++)
        if (sorted[i]->refusal == NULL && strcmp(sorted[i]->output, sorted[i - 1]->output) == 0)
            sorted[i]->refusal = "an earlier input has the same output name";
    free(sorted);
    return true;
}

bool jobs_plan(const options *o, job_list *out, complaint *c) {
    bool to_folder, ok;
    *out = (job_list){0};
    if (o->confidence != NULL && is_directory(o->inputs[0])) return fail(c, "--confidence goes with one picture");
    if (o->confidence != NULL && o->format == NULL && codec_for_output(o->confidence) == NULL)
        return fail(c, "%s does not end like a format written here; give -f FORMAT", o->confidence);
    ok = settle_output(o, &to_folder, c);
    for (int i = 0; ok && i < o->input_count; i++)
        ok = is_directory(o->inputs[i]) ? add_folder(out, o->inputs[i], o, c)
                                        : add_picture(out, o->inputs[i], o, to_folder, c);
    ok = ok && refuse_repeated(out, c);
    if (!ok) jobs_free(out);
    return ok;
}

void jobs_free(job_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->jobs[i].input);
        free(list->jobs[i].output);
    }
    free(list->jobs);
    *list = (job_list){0};
}
