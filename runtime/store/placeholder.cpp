#include "runtime/store/embedded_sql.h"
