/** G1-G11 under kill -9, the short form: who gathers, and who executes. */
import { describeGatherFaults, gatherFaults } from '../harness/gather-faults.ts';

describeGatherFaults([gatherFaults.gatherer, gatherFaults.instance]);
