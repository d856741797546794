/** The filters that the short form leaves out. */
import { describeCompat } from '../harness/compat-through-pilot.ts';

describeCompat(['ramlak', 'cosine', 'parzen']);
