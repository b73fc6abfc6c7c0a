"""What is said in words of a study: every claim is made from a test and says how sure it is, or is not made.

- Two rows differ where a paired test shows it after Holm's correction over all pairs of rows of all columns (over the
  comparisons that were planned, for the verdicts of `families`), at the level `analysis.statistics.paired.IN_WORDS`.
  Marks of tables correct for their own column at the 5% level, so a sentence may call tied what a table does not mark.
- Fewer replicates than `analysis.statistics.column.FEWEST`, or trials than `analysis.importance.FEWEST_TRIALS`, make no
  claim; the sentence says so.
- Words of a difference are "shown to be above, below, better, worse" and the verdicts of `families`; means alone are
  called means.

Tables, captions, the head of the report and the notes under README's table take their sentences from here.
"""
