/** G1-G11 under kill -9 of every process, at several moments, and with a node lost. */
import { describeGatherFaults, gatherFaults } from '../harness/gather-faults.ts';

describeGatherFaults(Object.values(gatherFaults));
