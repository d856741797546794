/** G1-G11 under kill -9, the short form: who gathers, who executes, and where it is stored. */
import { describeGatherFaults, gatherFaults } from '../harness/gather-faults.ts';

describeGatherFaults([gatherFaults.gatherer, gatherFaults.instance, gatherFaults.broker]);
