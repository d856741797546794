/** G1-G11 under kill -9 of every process. */
import { describeGatherFaults, gatherFaults } from '../harness/gather-faults.ts';

describeGatherFaults(Object.values(gatherFaults));
