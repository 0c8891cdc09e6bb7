#include "solve/ldl_symbolic.h"

#include "base/memory.h"

#include <amd.h>
#include <stdlib.h>
#include <string.h>

/* Working state of one analysis; all of it is freed at the end. "Position" is the place in the elimination order. */
struct analysis {
    int32_t n, groups;
    int32_t *group_of;     /* n: dense group number */
    int64_t *start;        /* groups + 1: graph of groups, both triangles, no diagonal */
    int32_t *neighbour;
    int32_t *order;        /* groups: the group at each position */
    int32_t *position;     /* groups: inverse of order */
    int32_t *weight;       /* groups, by position: variables in the group */
    int32_t *tree;         /* groups, by position: parent in the elimination tree, -1 at roots */
    int64_t *column_start; /* groups + 1, by position: structure below the diagonal, ascending positions */
    int32_t *column;
    int64_t *below;        /* groups, by position: variables in the structure */
    int32_t *super_of;     /* groups, by position */
};

static void analysis_release(struct analysis *a)
{
    fg_free(a->group_of);
    fg_free(a->start);
    fg_free(a->neighbour);
    fg_free(a->order);
    fg_free(a->position);
    fg_free(a->weight);
    fg_free(a->tree);
    fg_free(a->column_start);
    fg_free(a->column);
    fg_free(a->below);
    fg_free(a->super_of);
}

/* Dense numbers for the caller's labels; unlabelled variables get a group of their own. */
static int number_groups(struct analysis *a, const int32_t *group)
{
    int32_t n = a->n, largest = -1;
    a->group_of = fg_alloc((size_t)n, sizeof *a->group_of);
    if (a->group_of == NULL)
        return 1;
    for (int32_t i = 0; group != NULL && i < n; i++)
        if (group[i] > largest)
            largest = group[i];
    int32_t *dense = fg_alloc((size_t)largest + 2, sizeof *dense);
    if (dense == NULL)
        return 1;
    for (int32_t i = 0; i < n; i++) {
        int32_t label = group ? group[i] : -1;
        if (label < 0) {
            a->group_of[i] = a->groups++;
        } else {
            if (dense[label] == 0)
                dense[label] = ++a->groups;
            a->group_of[i] = dense[label] - 1;
        }
    }
    fg_free(dense);
    return 0;
}

static int compare_int(const void *left, const void *right)
{
    int32_t l = *(const int32_t *)left, r = *(const int32_t *)right;
    return (l > r) - (l < r);
}

/* Adjacency of groups, without duplicates. */
static int build_graph(struct analysis *a, int64_t nnz, const int32_t *row, const int32_t *column)
{
    size_t groups = (size_t)a->groups;
    int64_t *fill = fg_alloc(groups + 1, sizeof *fill), *raw_start = fg_alloc(groups + 1, sizeof *raw_start);
    int32_t *mark = fg_alloc(groups, sizeof *mark), *raw = NULL;
    a->start = fg_alloc(groups + 1, sizeof *a->start);
    int failed = !fill || !raw_start || !mark || !a->start;
    if (!failed) {
        for (int64_t e = 0; e < nnz; e++) {
            int32_t i = a->group_of[row[e]], j = a->group_of[column[e]];
            if (i != j) {
                raw_start[i + 1]++;
                raw_start[j + 1]++;
            }
        }
        for (size_t g = 0; g < groups; g++)
            raw_start[g + 1] += raw_start[g];
        raw = fg_alloc((size_t)raw_start[groups], sizeof *raw);
        a->neighbour = fg_alloc((size_t)raw_start[groups], sizeof *a->neighbour);
        failed = !raw || !a->neighbour;
    }
    if (!failed) {
        memcpy(fill, raw_start, (groups + 1) * sizeof *fill);
        for (int64_t e = 0; e < nnz; e++) {
            int32_t i = a->group_of[row[e]], j = a->group_of[column[e]];
            if (i != j) {
                raw[fill[i]++] = j;
                raw[fill[j]++] = i;
            }
        }
        int64_t kept = 0;
        for (size_t g = 0; g < groups; g++) {
            a->start[g] = kept;
            for (int64_t e = raw_start[g]; e < raw_start[g + 1]; e++)
                if (mark[raw[e]] != (int32_t)g + 1) {
                    mark[raw[e]] = (int32_t)g + 1;
                    a->neighbour[kept++] = raw[e];
                }
            qsort(a->neighbour + a->start[g], (size_t)(kept - a->start[g]), sizeof *a->neighbour, compare_int);
        }
        a->start[groups] = kept;
    }
    fg_free(fill);
    fg_free(raw_start);
    fg_free(mark);
    fg_free(raw);
    return failed;
}

static enum fg_code order_groups(struct analysis *a, struct fg_error *err)
{
    size_t groups = (size_t)a->groups, edges = (size_t)a->start[groups];
    a->order = fg_alloc(groups, sizeof *a->order);
    a->position = fg_alloc(groups, sizeof *a->position);
    int64_t *p = fg_alloc(groups, sizeof *p), *wide = fg_alloc(edges, sizeof *wide);
    enum fg_code code = FG_OK;
    if (!a->order || !a->position || !p || !wide) {
        code = fg_fail_memory(err);
    } else {
        for (size_t e = 0; e < edges; e++)
            wide[e] = a->neighbour[e];
        double control[AMD_CONTROL], info[AMD_INFO];
        amd_l_defaults(control);
        int status = (int)amd_l_order(a->groups, a->start, wide, p, control, info);
        if (status == AMD_OUT_OF_MEMORY)
            code = fg_fail_memory(err);
        else if (status != AMD_OK)
            code = fg_fail(err, FG_ERR_NUMERIC, "ldl", "the ordering refused the structure (AMD status %d)", status);
        else
            for (size_t k = 0; k < groups; k++) {
                a->order[k] = (int32_t)p[k];
                a->position[a->order[k]] = (int32_t)k;
            }
    }
    fg_free(p);
    fg_free(wide);
    return code;
}

/* Elimination tree of the permuted graph (Liu 1990, with path compression). */
static int build_tree(struct analysis *a)
{
    a->tree = fg_alloc((size_t)a->groups, sizeof *a->tree);
    int32_t *ancestor = fg_alloc((size_t)a->groups, sizeof *ancestor);
    if (!a->tree || !ancestor) {
        fg_free(ancestor);
        return 1;
    }
    for (int32_t k = 0; k < a->groups; k++) {
        a->tree[k] = ancestor[k] = -1;
        int32_t g = a->order[k];
        for (int64_t e = a->start[g]; e < a->start[g + 1]; e++) {
            int32_t i = a->position[a->neighbour[e]];
            while (i != -1 && i < k) {
                int32_t next = ancestor[i];
                ancestor[i] = k;
                if (next == -1)
                    a->tree[i] = k;
                i = next;
            }
        }
    }
    fg_free(ancestor);
    return 0;
}

/* Postorder with the largest subtree last, so that long chains become contiguous; rewrites order and position. */
static int postorder(struct analysis *a)
{
    int32_t groups = a->groups;
    size_t size = (size_t)groups;
    int32_t *first = fg_alloc(size, sizeof *first), *next = fg_alloc(size, sizeof *next);
    int32_t *stack = fg_alloc(size, sizeof *stack), *post = fg_alloc(size, sizeof *post);
    int64_t *subtree = fg_alloc(size, sizeof *subtree);
    int failed = !first || !next || !stack || !post || !subtree;
    if (!failed) {
        for (int32_t k = 0; k < groups; k++)
            first[k] = -1;
        for (int32_t k = 0; k < groups; k++) { /* children precede parents */
            subtree[k]++;
            if (a->tree[k] >= 0)
                subtree[a->tree[k]] += subtree[k];
        }
        for (int32_t k = 0; k < groups; k++) {
            int32_t parent = a->tree[k];
            if (parent < 0)
                continue;
            /* The head of a list is pushed first and so visited last: keep the largest there. */
            if (first[parent] < 0 || subtree[k] >= subtree[first[parent]]) {
                next[k] = first[parent];
                first[parent] = k;
            } else {
                next[k] = next[first[parent]];
                next[first[parent]] = k;
            }
        }
        int32_t count = 0;
        for (int32_t root = 0; root < groups; root++) {
            if (a->tree[root] >= 0)
                continue;
            int32_t top = 0;
            stack[top++] = root;
            while (top > 0) {
                int32_t k = stack[top - 1], child = first[k];
                if (child < 0) {
                    post[count++] = k;
                    top--;
                }
                for (first[k] = -1; child >= 0; child = next[child])
                    stack[top++] = child;
            }
        }
        memcpy(stack, a->order, size * sizeof *stack);
        for (int32_t k = 0; k < groups; k++) {
            a->order[k] = stack[post[k]];
            a->position[a->order[k]] = k;
        }
    }
    fg_free(first);
    fg_free(next);
    fg_free(stack);
    fg_free(post);
    fg_free(subtree);
    return failed;
}

/* Structure of each column below the diagonal: own neighbours and what the children pass on. */
static int build_columns(struct analysis *a)
{
    int32_t groups = a->groups;
    size_t size = (size_t)groups;
    int32_t *mark = fg_alloc(size, sizeof *mark), *first = fg_alloc(size, sizeof *first);
    int32_t *next = fg_alloc(size, sizeof *next);
    a->column_start = fg_alloc(size + 1, sizeof *a->column_start);
    a->below = fg_alloc(size, sizeof *a->below);
    size_t capacity = (size_t)a->start[groups] + 1024, used = 0;
    a->column = fg_alloc(capacity, sizeof *a->column);
    int failed = !mark || !first || !next || !a->column_start || !a->below || !a->column;
    for (int32_t k = 0; !failed && k < groups; k++)
        mark[k] = first[k] = -1;
    for (int32_t k = 0; !failed && k < groups; k++) {
        size_t bound = used + (size_t)(groups - k); /* the longest this column can be */
        if (bound > capacity) {
            size_t wanted = capacity * 2 > bound ? capacity * 2 : bound;
            int32_t *grown = fg_realloc(a->column, wanted, sizeof *grown);
            if (grown == NULL) {
                failed = 1;
                break;
            }
            a->column = grown;
            capacity = wanted;
        }
        size_t begin = used;
        mark[k] = k;
        int32_t g = a->order[k];
        for (int64_t e = a->start[g]; e < a->start[g + 1]; e++) {
            int32_t i = a->position[a->neighbour[e]];
            if (i > k && mark[i] != k) {
                mark[i] = k;
                a->column[used++] = i;
            }
        }
        for (int32_t child = first[k]; child >= 0; child = next[child])
            for (int64_t e = a->column_start[child]; e < a->column_start[child + 1]; e++) {
                int32_t i = a->column[e];
                if (mark[i] != k) {
                    mark[i] = k;
                    a->column[used++] = i;
                }
            }
        a->column_start[k] = (int64_t)begin;
        a->column_start[k + 1] = (int64_t)used;
        qsort(a->column + begin, used - begin, sizeof *a->column, compare_int);
        a->tree[k] = used > begin ? a->column[begin] : -1;
        if (a->tree[k] >= 0) {
            next[k] = first[a->tree[k]];
            first[a->tree[k]] = k;
        }
        for (size_t e = begin; e < used; e++)
            a->below[k] += a->weight[a->column[e]];
    }
    fg_free(mark);
    fg_free(first);
    fg_free(next);
    return failed;
}

/* Merging stores explicit zeros, which cost arithmetic, but saves passing the child's update matrix of order `below_child`
 * through memory: worth it while the zeros are few or the update is large beside them. */
static int worth_merging(double pivots, double zeros, double new_zeros, double below_child, double size, double entries)
{
    double share = zeros / entries;
    if (new_zeros * size < 2 * below_child * below_child && share < 0.3)
        return 1;
    if (pivots <= 8)
        return share < 0.5;
    if (pivots <= 16)
        return share < 0.25;
    if (pivots <= 48)
        return share < 0.1;
    return share < 0.03;
}

/* Relaxed supernodes; fills super_of (ascending by position) and returns their count, -1 without memory. */
static int32_t build_supernodes(struct analysis *a)
{
    int32_t groups = a->groups;
    size_t size = (size_t)groups;
    a->super_of = fg_alloc(size, sizeof *a->super_of);
    /* While merging, a supernode is known by its first position. */
    int32_t *last = fg_alloc(size, sizeof *last);
    int64_t *pivots = fg_alloc(size, sizeof *pivots);
    double *zeros = fg_alloc(size, sizeof *zeros);
    int32_t count = -1;
    if (a->super_of && last && pivots && zeros) {
        for (int32_t k = 0; k < groups; k++) {
            last[k] = k;
            pivots[k] = a->weight[k];
        }
        for (int32_t k = groups - 2; k >= 0; k--) {
            int32_t head = k + 1;
            if (a->tree[k] < head || a->tree[k] > last[head])
                continue;
            double joined = (double)(pivots[k] + pivots[head]), below = (double)a->below[last[head]];
            double added = (double)pivots[k] * ((double)pivots[head] + below - (double)a->below[k]);
            double entries = joined * (joined + 1) / 2 + joined * below;
            if (worth_merging(joined, zeros[head] + added, added, (double)a->below[k], joined + below, entries)) {
                last[k] = last[head];
                pivots[k] += pivots[head];
                zeros[k] = zeros[head] + added;
            }
        }
        count = 0;
        for (int32_t k = 0; k < groups; count++)
            for (int32_t end = last[k]; k <= end; k++)
                a->super_of[k] = count;
    }
    fg_free(last);
    fg_free(pivots);
    fg_free(zeros);
    return count;
}

void fg_ldl_symbolic_destroy(struct fg_ldl_symbolic *s)
{
    if (s == NULL)
        return;
    fg_free(s->position);
    fg_free(s->pivots);
    fg_free(s->size);
    fg_free(s->parent);
    fg_free(s->child_count);
    fg_free(s->row_start);
    fg_free(s->rows);
    fg_free(s->place);
    fg_free(s->run);
    fg_free(s->factor_start);
    fg_free(s->entry_start);
    fg_free(s->entry_source);
    fg_free(s->entry_target);
    fg_free(s);
}

/* Variables sorted by the position of their group; start has groups + 1 entries. */
static void sort_variables(const struct analysis *a, int32_t *start, int32_t *variable)
{
    for (int32_t k = 0; k < a->groups; k++)
        start[k + 1] = start[k] + a->weight[k];
    for (int32_t i = 0; i < a->n; i++)
        variable[start[a->position[a->group_of[i]]]++] = i;
    for (int32_t k = a->groups; k > 0; k--)
        start[k] = start[k - 1];
    start[0] = 0;
}

/* Fronts: variables of each supernode, pivots first, then the rows below in elimination order. */
static int build_fronts(struct analysis *a, struct fg_ldl_symbolic *s)
{
    size_t count = (size_t)s->count, groups = (size_t)a->groups;
    int32_t *variable_start = fg_alloc(groups + 1, sizeof *variable_start);
    int32_t *variable = fg_alloc((size_t)a->n, sizeof *variable);
    int32_t *head = fg_alloc(count + 1, sizeof *head); /* first position of each supernode */
    s->position = fg_alloc((size_t)a->n, sizeof *s->position);
    s->pivots = fg_alloc(count, sizeof *s->pivots);
    s->size = fg_alloc(count, sizeof *s->size);
    s->parent = fg_alloc(count, sizeof *s->parent);
    s->child_count = fg_alloc(count, sizeof *s->child_count);
    s->row_start = fg_alloc(count + 1, sizeof *s->row_start);
    s->factor_start = fg_alloc(count + 1, sizeof *s->factor_start);
    int failed = !variable_start || !variable || !head || !s->position || !s->pivots || !s->size || !s->parent || !s->child_count ||
                 !s->row_start || !s->factor_start;
    if (!failed) {
        sort_variables(a, variable_start, variable);
        for (int32_t v = 0; v < a->n; v++)
            s->position[variable[v]] = v;
        head[count] = a->groups;
        for (int32_t k = a->groups - 1; k >= 0; k--)
            head[a->super_of[k]] = k;
        /* The structure of a supernode is that of its last column: merging only adds zeros above it. */
        for (int32_t f = 0; f < s->count; f++) {
            int32_t end = head[f + 1] - 1;
            s->pivots[f] = variable_start[end + 1] - variable_start[head[f]];
            s->size[f] = s->pivots[f] + (int32_t)a->below[end];
            s->parent[f] = a->tree[end] < 0 ? -1 : a->super_of[a->tree[end]];
            if (s->parent[f] >= 0)
                s->child_count[s->parent[f]]++;
            s->row_start[f + 1] = s->row_start[f] + s->size[f];
            s->factor_start[f + 1] = s->factor_start[f] + (int64_t)s->size[f] * s->pivots[f];
            if ((int64_t)s->size[f] * s->size[f] > s->front_max)
                s->front_max = (int64_t)s->size[f] * s->size[f];
            if (s->size[f] > s->size_max)
                s->size_max = s->size[f];
            for (int32_t k = 0; k < s->pivots[f]; k++) {
                double rest = s->size[f] - k - 1;
                s->flops += rest * (rest + 1) / 2;
            }
        }
        s->rows = fg_alloc((size_t)s->row_start[count], sizeof *s->rows);
        s->place = fg_alloc((size_t)s->row_start[count], sizeof *s->place);
        failed = !s->rows || !s->place;
    }
    for (int32_t f = 0; !failed && f < s->count; f++) {
        int32_t *out = s->rows + s->row_start[f], end = head[f + 1] - 1;
        for (int32_t v = variable_start[head[f]]; v < variable_start[end + 1]; v++)
            *out++ = v;
        for (int64_t e = a->column_start[end]; e < a->column_start[end + 1]; e++)
            for (int32_t v = variable_start[a->column[e]]; v < variable_start[a->column[e] + 1]; v++)
                *out++ = v;
    }
    fg_free(variable_start);
    fg_free(variable);
    fg_free(head);
    return failed;
}

/* Local rows of each update in the parent's front; parents come later, so their rows are marked one at a time. */
static int build_places(struct fg_ldl_symbolic *s)
{
    size_t count = (size_t)s->count;
    int32_t *first = fg_alloc(count, sizeof *first), *next = fg_alloc(count, sizeof *next);
    int32_t *local = fg_alloc((size_t)s->n, sizeof *local);
    s->run = fg_alloc(count, sizeof *s->run);
    int failed = !first || !next || !local || !s->run;
    if (!failed) {
        for (int32_t f = 0; f < s->count; f++)
            first[f] = -1;
        for (int32_t f = s->count - 1; f >= 0; f--)
            if (s->parent[f] >= 0) {
                next[f] = first[s->parent[f]];
                first[s->parent[f]] = f;
            }
        for (int32_t f = 0; f < s->count; f++) {
            for (int32_t i = 0; i < s->size[f]; i++)
                local[s->rows[s->row_start[f] + i]] = i;
            for (int32_t child = first[f]; child >= 0; child = next[child])
                for (int32_t i = 0; i < s->size[child]; i++)
                    s->place[s->row_start[child] + i] =
                        i < s->pivots[child] ? -1 : local[s->rows[s->row_start[child] + i]];
        }
        for (int32_t f = 0; f < s->count; f++) {
            const int32_t *place = s->place + s->row_start[f] + s->pivots[f];
            int32_t at = s->size[f] - s->pivots[f];
            while (at > 1 && place[at - 2] + 1 == place[at - 1])
                at--;
            s->run[f] = at > 0 ? at - 1 : 0;
        }
    }
    fg_free(first);
    fg_free(next);
    fg_free(local);
    return failed;
}

/* Position of the variable of a triplet that is eliminated first. */
static int32_t first_of(const struct fg_ldl_symbolic *s, int32_t row, int32_t column)
{
    return s->position[row] < s->position[column] ? s->position[row] : s->position[column];
}

/* Where each triplet is added: in the front of the variable that is eliminated first. */
static int build_entries(struct fg_ldl_symbolic *s, int64_t nnz, const int32_t *row, const int32_t *column)
{
    size_t count = (size_t)s->count;
    int32_t *home = fg_alloc((size_t)s->n, sizeof *home); /* supernode that eliminates the variable */
    int32_t *local = fg_alloc((size_t)s->n, sizeof *local);
    int64_t *fill = fg_alloc(count + 1, sizeof *fill);
    s->entry_start = fg_alloc(count + 1, sizeof *s->entry_start);
    s->entry_source = fg_alloc((size_t)nnz, sizeof *s->entry_source);
    s->entry_target = fg_alloc((size_t)nnz, sizeof *s->entry_target);
    int failed = !home || !local || !fill || !s->entry_start || !s->entry_source || !s->entry_target;
    if (!failed) {
        for (int32_t f = 0; f < s->count; f++)
            for (int32_t i = 0; i < s->pivots[f]; i++)
                home[s->rows[s->row_start[f] + i]] = f;
        for (int64_t e = 0; e < nnz; e++)
            s->entry_start[home[first_of(s, row[e], column[e])] + 1]++;
        for (size_t f = 0; f < count; f++)
            s->entry_start[f + 1] += s->entry_start[f];
        memcpy(fill, s->entry_start, (count + 1) * sizeof *fill);
        for (int64_t e = 0; e < nnz; e++)
            s->entry_source[fill[home[first_of(s, row[e], column[e])]]++] = e;
        for (int32_t f = 0; f < s->count; f++) {
            for (int32_t i = 0; i < s->size[f]; i++)
                local[s->rows[s->row_start[f] + i]] = i;
            for (int64_t x = s->entry_start[f]; x < s->entry_start[f + 1]; x++) {
                int64_t e = s->entry_source[x];
                int32_t i = local[s->position[row[e]]], j = local[s->position[column[e]]];
                s->entry_target[x] = (i > j ? i : j) + (int64_t)(i > j ? j : i) * s->size[f];
            }
        }
    }
    fg_free(home);
    fg_free(local);
    fg_free(fill);
    return failed;
}

/* Depth of the stack of update matrices; children leave it when their parent is assembled. */
static int measure_stack(struct fg_ldl_symbolic *s)
{
    int64_t *held = fg_alloc((size_t)s->count, sizeof *held);
    if (held == NULL)
        return 1;
    int64_t depth = 0;
    for (int32_t f = 0; f < s->count; f++) {
        int64_t update = s->size[f] - s->pivots[f];
        depth -= held[f];
        if (s->parent[f] >= 0) {
            depth += update * update;
            held[s->parent[f]] += update * update;
        }
        if (depth > s->stack_max)
            s->stack_max = depth;
    }
    fg_free(held);
    return 0;
}

enum fg_code fg_ldl_analyse(int32_t n, int64_t nnz, const int32_t *row, const int32_t *column, const int32_t *group,
                            struct fg_ldl_symbolic **symbolic, struct fg_error *err)
{
    *symbolic = NULL;
    if (n <= 0 || nnz < 0)
        return fg_fail(err, FG_ERR_ARGUMENT, "ldl", "a matrix needs at least one row");
    for (int64_t e = 0; e < nnz; e++)
        if (row[e] < 0 || row[e] >= n || column[e] < 0 || column[e] >= n)
            return fg_fail(err, FG_ERR_ARGUMENT, "ldl", "triplet %lld lies outside the matrix", (long long)e);
    struct analysis a = { .n = n };
    struct fg_ldl_symbolic *s = fg_alloc(1, sizeof *s);
    if (s == NULL)
        return fg_fail_memory(err);
    s->n = n;
    enum fg_code code = FG_OK;
    if (number_groups(&a, group) || build_graph(&a, nnz, row, column)) {
        code = fg_fail_memory(err);
    } else if ((code = order_groups(&a, err)) == FG_OK) {
        a.weight = fg_alloc((size_t)a.groups, sizeof *a.weight);
        int failed = a.weight == NULL || build_tree(&a) || postorder(&a);
        for (int32_t i = 0; !failed && i < n; i++)
            a.weight[a.position[a.group_of[i]]]++;
        if (failed || build_columns(&a) || (s->count = build_supernodes(&a)) < 0 || build_fronts(&a, s) ||
            build_places(s) || build_entries(s, nnz, row, column) || measure_stack(s))
            code = fg_fail_memory(err);
    }
    analysis_release(&a);
    if (code != FG_OK) {
        fg_ldl_symbolic_destroy(s);
        return code;
    }
    *symbolic = s;
    return FG_OK;
}
