/* Daily shapes of a clear, cool working day in March in central Europe: sums of bells over the local hour. They follow the
 * familiar forms (residential double peak, commercial plateau, sun from 6:30 to 18:30, vehicles plugged in after work,
 * heat pumps in the morning and evening, a day-ahead price with a solar valley); they are models, not measurements. */
#include "example.h"

#include <math.h>

/* A bell of height 1 around `centre`, with the day's end joined to its beginning. */
static double bell(double hour, double centre, double width)
{
    double distance = fabs(hour - centre);
    if (distance > 12.0)
        distance = 24.0 - distance;
    return exp(-0.5 * distance * distance / (width * width));
}

double shape_residential(double hour)
{
    return 0.30 + 0.30 * bell(hour, 7.5, 1.4) + 0.18 * bell(hour, 12.5, 2.2) + 0.66 * bell(hour, 19.3, 1.9);
}

double shape_commercial(double hour)
{
    double day = 1.0 / (1.0 + exp(-(hour - 7.0) * 1.8)) / (1.0 + exp((hour - 18.0) * 1.5));
    return 0.28 + 0.70 * day;
}

double shape_photovoltaic(double hour)
{
    const double sunrise = 6.5, sunset = 18.5;
    if (hour <= sunrise || hour >= sunset)
        return 0.0;
    return pow(sin(3.14159265358979323846 * (hour - sunrise) / (sunset - sunrise)), 1.3);
}

double shape_vehicle(double hour)
{
    return 0.06 + 0.94 * bell(hour, 18.9, 1.5) + 0.12 * bell(hour, 8.5, 1.0);
}

double shape_heat_pump(double hour)
{
    return 0.38 + 0.42 * bell(hour, 6.8, 1.5) + 0.56 * bell(hour, 19.0, 2.2);
}

double shape_day_ahead_price(double hour)
{
    return 78.0 + 34.0 * bell(hour, 7.8, 1.3) - 66.0 * bell(hour, 13.0, 2.4) + 62.0 * bell(hour, 19.2, 1.6);
}
