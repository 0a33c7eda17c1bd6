/* What cppcheck must know of cJSON, whose headers it does not read. */
#define cJSON_ArrayForEach(element, array)                                                         \
    for (element = (array)->child; element; element = element->next)
