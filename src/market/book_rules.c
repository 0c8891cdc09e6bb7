/* What may meet what: locations, halts, attributes, minimum acceptance. */
#include "market/book_internal.h"

#include <string.h>

bool book_below(const struct fg_book *book, int32_t above, int32_t location)
{
    const struct book_tree *tree = &book->tree;
    return tree->enter[above] <= tree->enter[location] && tree->enter[location] < tree->leave[above];
}

/* An offer meets a request when it lies in the request's reach, see struct fg_book_locations. */
bool book_reaches(const struct fg_book *book, enum fg_request_kind kind, int32_t request, int32_t offer)
{
    if (book_below(book, request, offer))
        return true;
    if (kind == FG_REQUEST_EXCHANGE && book_below(book, offer, request))
        return true;
    const struct book_tree *tree = &book->tree;
    for (int32_t i = tree->link_start[request]; i < tree->link_start[request + 1]; i++)
        if (book_below(book, tree->link[i], offer))
            return true;
    return false;
}

bool book_is_halted(const struct fg_book *book, int32_t participant, int32_t location)
{
    for (size_t i = 0; i < book->halt_count; i++) {
        const struct fg_book_halt_row *halt = &book->halts[i];
        if (halt->scope == FG_BOOK_SCOPE_AREA ||
            (halt->scope == FG_BOOK_SCOPE_PARTICIPANT && halt->index == participant) ||
            (halt->scope == FG_BOOK_SCOPE_LOCATION && book_below(book, halt->index, location)))
            return true;
    }
    return false;
}

bool book_attributes_fit(const struct book_order *sell, const struct book_order *buy)
{
    const struct fg_book_attributes *offer = &sell->attributes, *filter = &buy->attributes;
    /* Whichever of its assets the seller calls, it is one that the buyer accepts. */
    if (filter->technologies != 0 && (offer->technologies == 0 || (offer->technologies & ~filter->technologies) != 0))
        return false;
    if (filter->activation_s != 0 && offer->activation_s > filter->activation_s)
        return false;
    if (filter->duration_min_s != 0 && (offer->duration_min_s > filter->duration_min_s ||
                                        (offer->duration_max_s != 0 && offer->duration_max_s < filter->duration_min_s)))
        return false;
    return offer->ramp_w_per_min >= filter->ramp_w_per_min;
}

/* Least quantity that the next acceptance must have: the minimum fraction of the quantity, up to whole ticks, as long
 * as nothing has been accepted. */
int64_t book_min_left(const struct fg_book *book, const struct book_order *order, const struct book_slice *slice)
{
    if (order->min_fraction_u == 0 || slice->filled > 0)
        return 0;
    book_wide least = (book_wide)slice->quantity * order->min_fraction_u;
    book_wide tick = (book_wide)book->settings.tick.w * FG_FRACTION_ONE;
    return (int64_t)((least + tick - 1) / tick) * book->settings.tick.w;
}

/* ---- Locations ---- */

static enum fg_code check_locations(const struct fg_book_locations *locations, struct fg_error *err)
{
    if (locations->count < 1 || locations->count > FG_BOOK_LOCATIONS_MAX || locations->link_count < 0)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "a book has 1 to %d locations", FG_BOOK_LOCATIONS_MAX);
    for (int32_t i = 0; i < locations->count; i++)
        if (locations->parent[i] < -1 || locations->parent[i] >= i)
            return fg_fail(err, FG_ERR_VALUE, NULL,
                           "location %d has parent %d; number the locations so that parents come first", (int)i,
                           (int)locations->parent[i]);
    for (int32_t i = 0; i < locations->link_count; i++)
        for (int k = 0; k < 2; k++)
            if (locations->links[i][k] < 0 || locations->links[i][k] >= locations->count)
                return fg_fail(err, FG_ERR_VALUE, NULL, "link %d names location %d, which does not exist", (int)i,
                               (int)locations->links[i][k]);
    return FG_OK;
}

/* Preorder numbers: parents come before their children, so subtree sizes add up backwards and places are dealt out
 * forwards. `next` is scratch: the next free place below a location. */
static void number_locations(int32_t count, const int32_t *parent, int32_t *enter, int32_t *leave, int32_t *next)
{
    int32_t next_root = 0;
    for (int32_t i = 0; i < count; i++)
        leave[i] = 1; /* size of the subtree, until it is placed */
    for (int32_t i = count - 1; i >= 0; i--)
        if (parent[i] >= 0)
            leave[parent[i]] += leave[i];
    for (int32_t i = 0; i < count; i++) {
        int32_t *place = parent[i] >= 0 ? &next[parent[i]] : &next_root;
        enter[i] = *place;
        *place += leave[i];
        next[i] = enter[i] + 1;
        leave[i] += enter[i];
    }
}

void book_tree_release(struct book_tree *tree)
{
    fg_free(tree->enter);
    fg_free(tree->leave);
    fg_free(tree->link_start);
    fg_free(tree->link);
}

enum fg_code book_tree_make(const struct fg_book_locations *locations, struct book_tree *tree, struct fg_error *err)
{
    enum fg_code code = check_locations(locations, err);
    if (code != FG_OK)
        return code;
    size_t count = (size_t)locations->count;
    *tree = (struct book_tree){.count = locations->count,
                               .enter = fg_alloc(count, sizeof(int32_t)),
                               .leave = fg_alloc(count, sizeof(int32_t)),
                               .link_start = fg_alloc(count + 2, sizeof(int32_t)),
                               .link = fg_alloc(2 * (size_t)locations->link_count, sizeof(int32_t))};
    int32_t *start = tree->link_start;
    if (tree->enter == NULL || tree->leave == NULL || start == NULL || tree->link == NULL) {
        book_tree_release(tree);
        return fg_fail_memory(err);
    }
    number_locations(locations->count, locations->parent, tree->enter, tree->leave, start);
    /* Counting sort of both ends of the links; start is kept two ahead until the ends are dealt out. */
    memset(start, 0, (count + 2) * sizeof *start);
    for (int32_t i = 0; i < locations->link_count; i++)
        for (int k = 0; k < 2; k++)
            start[locations->links[i][k] + 2]++;
    for (size_t i = 2; i < count + 2; i++)
        start[i] += start[i - 1];
    for (int32_t i = 0; i < locations->link_count; i++)
        for (int k = 0; k < 2; k++)
            tree->link[start[locations->links[i][k] + 1]++] = locations->links[i][1 - k];
    return FG_OK;
}
